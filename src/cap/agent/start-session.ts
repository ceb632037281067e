/** Makes what an agent works with, and takes it down again when something fails. */

import { workerSubject } from "../../../gen/cap/index.js";
import { readEnv } from "../../core/env.js";
import { ClosedError, UnsupportedError } from "../../core/errors.js";
import type { Logger } from "../../core/logger.js";
import { assertSubject, type Bus } from "../bus.js";
import type { DurableBus } from "../durable.js";
import { parseWorkerTrustMode } from "../trust-mode.js";
import type { AgentOptions } from "./options.js";
import { Owned } from "./owned.js";
import { type Means, Session, type SessionParts } from "./session.js";
import { serveTopics } from "./topics.js";

/**
 * Connects, subscribes and tells schedulers. What was made is taken down again when something fails.
 *
 * @throws UnsupportedError when the environment asks for worker trust; what `Agent.start` says.
 */
export async function startSession(parts: SessionParts): Promise<Session> {
  const { options, clock, workerId, topics, middleware } = parts;
  checkTrust(parts.log);
  assertSubject(workerSubject(workerId));
  const served = await serveTopics(topics, { middleware, validator: options.validator });
  const owned = new Owned(clock, options.ioTimeoutMs ?? 5_000);
  let session: Session | undefined;
  try {
    const { durable, finished } = options;
    const bus = await owned.take("connecting", options.bus, (made) => made.drain());
    const store = await owned.take("opening the store", options.store, (made) => made.close());
    const means: Means = {
      bus,
      store,
      durable:
        durable &&
        (await owned.take(
          "opening the streams",
          () => streams(durable, bus),
          () => {},
        )),
      finished: finished && (await owned.take("opening the finished jobs", finished, (made) => made.close())),
    };
    session = new Session(parts, means, served, owned);
    if (parts.closing()) throw new ClosedError("the agent was closed while it started");
    await session.open();
    return session;
  } catch (error) {
    session?.abandon();
    await owned.letGo();
    throw error;
  }
}

/** Trust is no part of this runtime: it must not run as if it were there. */
function checkTrust(log: Logger): void {
  const text = readEnv("CORDUM_SDK_HANDSHAKE");
  const mode = text === undefined ? "off" : parseWorkerTrustMode(text);
  const message = "the worker trust exchange (CORDUM_SDK_HANDSHAKE) is not available";
  if (mode === "enforce") throw new UnsupportedError(message, { code: "WORKER_TRUST" });
  if (mode === "warn") log.warn(`${message}; the worker runs without a session`);
}

function streams(given: NonNullable<AgentOptions["durable"]>, bus: Bus): DurableBus | Promise<DurableBus> {
  return typeof given === "function" ? given(bus) : given;
}
