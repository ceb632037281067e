/** Which connection is behind a bus, for what the bus itself does not offer. */
import { ValidationError } from "../../core/errors.js";
import type { Bus } from "../bus.js";
import type { NatsConnection } from "./connection.js";

const connections = new WeakMap<Bus, NatsConnection>();

/** Remembers the connection of a bus. */
export function rememberConnection(bus: Bus, connection: NatsConnection): Bus {
  connections.set(bus, connection);
  return bus;
}

/**
 * The connection behind a bus of `connectNats` or `natsBus`.
 *
 * @throws ValidationError `not_nats` for another bus.
 */
export function connectionOf(bus: Bus): NatsConnection {
  const connection = connections.get(bus);
  if (connection !== undefined) return connection;
  throw new ValidationError("this bus is none of connectNats or natsBus", { code: "not_nats" });
}
