/** Both NATS clients, as options for connectNats. */
import { connect as connectVersion3 } from "@nats-io/transport-node";
import type { NatsOptions } from "../../../src/cap/nats/index.js";

export const clients: readonly (readonly [string, NatsOptions])[] = [
  ["nats 2", {}],
  ["@nats-io 3", { connect: connectVersion3 as unknown as NonNullable<NatsOptions["connect"]> }],
];
