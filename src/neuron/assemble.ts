/** Puts the parts of a neuron together from its options. */
import { systemClock } from "../core/clock.js";
import type { Logger } from "../core/logger.js";
import { retryPolicy } from "../core/retry-policy.js";
import type { Delivery } from "./answer.js";
import { Dispatcher } from "./dispatcher.js";
import { POST_PATH, PROTOCOL_VERSION } from "./frames.js";
import { HttpTransport } from "./http-transport.js";
import type { LeaseEntry } from "./lease.js";
import type { NeuronOptions } from "./neuron-options.js";
import { Registration } from "./registration.js";
import { SchemaBook } from "./schemas.js";
import type { Transport } from "./transport.js";

/** What a neuron consists of. */
export interface NeuronParts {
  readonly transport: Transport;
  readonly schemas: SchemaBook;
  readonly registration: Registration;
  readonly dispatcher: Dispatcher;
}

/** What the neuron adds. */
export interface NeuronWiring {
  readonly logger: Logger;
  /** Ends all waits of answers. */
  readonly answersEnd: AbortSignal;
  readonly onAnswered: (entry: LeaseEntry, delivery: Delivery) => void;
}

/** Registrations are tried again like connections, without an end. */
const registerAgain = { attempts: Infinity, minDelayMs: 500, maxDelayMs: 30_000, jitter: 0 };

/** Makes the parts. Throws what {@link HttpTransport} throws. */
export function assemble(options: NeuronOptions, wiring: NeuronWiring): NeuronParts {
  const { neuronId, clock = systemClock, random = Math.random } = options;
  const { logger, answersEnd: signal, onAnswered } = wiring;
  const transport = options.transport ?? new HttpTransport(options);
  const source = options.schemaSource ?? "registered-first";
  const schemas = new SchemaBook({ validator: options.validator, source, logger });
  const registration = new Registration({
    neuronId,
    transport,
    protocolVersion: options.protocolVersion ?? PROTOCOL_VERSION,
    fallback: options.protocolVersion === undefined,
    policy: retryPolicy(registerAgain),
    clock,
    random,
    logger,
  });
  const minRetryMs = options.answerRetryMs ?? 30_000;
  const dispatcher = new Dispatcher({
    answers: { transport, clock, random, logger, signal, minRetryMs },
    schemas,
    logger,
    clock,
    exposeErrors: options.exposeErrors ?? true,
    expired: options.expired ?? "run",
    cancelGraceMs: options.cancelGraceMs ?? 30_000,
    dedupeTasks: options.dedupeTasks ?? 0,
    middleware: options.middleware ?? [],
    postProgress: (frame) => transport.post(POST_PATH.progress, frame, { signal }),
    onAnswered,
  });
  return { transport, schemas, registration, dispatcher };
}
