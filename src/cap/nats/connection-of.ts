/** What is behind a bus of NATS, for what the bus itself does not offer. */
import { ValidationError } from "../../core/errors.js";
import type { Bus } from "../bus.js";
import type { NatsConnection } from "./connection.js";

/** A connection, and the bus's way to it. */
export interface BehindBus {
  readonly connection: NatsConnection;
  /** Hands over what the bus has gathered to send, so that what is sent past it does not overtake. */
  hurry(): void;
}

const known = new WeakMap<Bus, BehindBus>();

/** Remembers what is behind a bus. */
export function rememberConnection(bus: Bus, behind: BehindBus): void {
  known.set(bus, behind);
}

/**
 * What is behind a bus of `connectNats` or `natsBus`.
 *
 * @throws ValidationError `NOT_NATS` for another bus.
 */
export function connectionOf(bus: Bus): BehindBus {
  const behind = known.get(bus);
  if (behind !== undefined) return behind;
  throw new ValidationError("this bus is none of connectNats or natsBus", { code: "NOT_NATS" });
}
