/** The streams of a Cordum bus, with the settings that Cordum gives them, and the consumers that workers pull from. */
import {
  CONSUMER_MAX_ACK_PENDING,
  durableName,
  STREAM_DUPLICATE_WINDOW_MS,
  STREAM_MAX_AGE_MS,
  STREAMS,
} from "../../../gen/cap/index.js";
import { AgentwireError, NotFoundError, UnsupportedError } from "../../core/errors.js";
import { isObject } from "../../core/json.js";
import { subjectMatches } from "../bus.js";
import type { DurableSubscribeOptions } from "../durable.js";
import { SubscribeFailedError } from "../errors.js";
import {
  CONSUMER_NOT_FOUND,
  callApi,
  isAnswer,
  type JetStreamApi,
  NANOSECONDS,
  STREAM_NAME_IN_USE,
  STREAM_NOT_FOUND,
} from "./api.js";
import type { JetStreamOptions } from "./bus.js";

/** Short, so that the jobs of a killed worker are soon done by another. Cordum's own consumers wait 10 minutes. */
export const ACK_WAIT_MS = 30_000;

/**
 * Makes sure that both streams exist; existing ones stay as they are.
 *
 * @throws NotFoundError `MISSING_STREAM` with the names of missing streams, without `createStreams`; UnsupportedError
 * `NO_JETSTREAM` for a server without JetStream.
 */
export async function ensureStreams(api: JetStreamApi, options: JetStreamOptions): Promise<void> {
  const { createStreams, storage = "file", replicas = 1 } = options;
  const missing: string[] = [];
  for (const { stream, subjects } of Object.values(STREAMS)) {
    try {
      await callApi(api, `STREAM.INFO.${stream}`);
    } catch (error) {
      if (error instanceof AgentwireError && error.code === "NO_RESPONDERS") {
        throw new UnsupportedError("the NATS server has no JetStream", {
          code: "NO_JETSTREAM",
          cause: error,
        });
      }
      if (!isAnswer(error, STREAM_NOT_FOUND)) throw error;
      missing.push(stream);
      if (createStreams) await createStream(api, stream, { subjects, storage, num_replicas: replicas });
    }
  }
  if (missing.length > 0 && !createStreams) throw missingStreams(missing);
}

async function createStream(api: JetStreamApi, name: string, settings: object): Promise<void> {
  try {
    await callApi(api, `STREAM.CREATE.${name}`, {
      name,
      ...settings,
      retention: "limits",
      discard: "old",
      max_age: STREAM_MAX_AGE_MS * NANOSECONDS,
      duplicate_window: STREAM_DUPLICATE_WINDOW_MS * NANOSECONDS,
    });
  } catch (error) {
    if (!isAnswer(error, STREAM_NAME_IN_USE)) throw error; // another process was faster
  }
}

/** The stream that keeps a subject. @throws NotFoundError `MISSING_STREAM`. */
export async function streamOf(api: JetStreamApi, subject: string): Promise<string> {
  const { streams } = await callApi(api, "STREAM.NAMES", { subject });
  if (Array.isArray(streams) && typeof streams[0] === "string") return streams[0];
  const expected = Object.values(STREAMS).find(({ subjects }) =>
    subjects.some((pattern) => subjectMatches(pattern, subject)),
  );
  throw missingStreams([expected?.stream ?? `one for ${subject}`]);
}

function missingStreams(names: readonly string[]): NotFoundError {
  const text = `JetStream streams are missing: ${names.join(", ")}; \`createStreams\` creates them`;
  return new NotFoundError(text, { code: "MISSING_STREAM", details: { streams: names } });
}

/** A consumer that exists. */
export interface Consumer {
  readonly stream: string;
  readonly name: string;
  /** As the server has it. */
  readonly ackWaitMs: number;
  /** When it was created, in the server's format. */
  readonly created: string;
}

/**
 * Makes sure that a consumer exists. All workers of a queue share it; an existing one stays as it is. A new one starts
 * at `startFrom`: `new`, `all`, or a time in the server's format.
 *
 * The consumer of a single worker is deleted by the server when nobody has pulled from it for as long as the stream
 * keeps a message.
 *
 * @throws SubscribeFailedError if one of this name pushes its messages or serves another subject; what `streamOf`
 * throws.
 */
export async function ensureConsumer(
  api: JetStreamApi,
  subject: string,
  startFrom: string,
  { queue = "", maxDeliver = -1 }: DurableSubscribeOptions,
  { ackWaitMs = ACK_WAIT_MS, maxAckPending = CONSUMER_MAX_ACK_PENDING }: JetStreamOptions,
): Promise<Consumer> {
  const stream = await streamOf(api, subject);
  const name = durableName(queue, subject);
  const info = await callApi(api, `CONSUMER.INFO.${stream}.${name}`).catch((error: unknown) => {
    if (!isAnswer(error, CONSUMER_NOT_FOUND)) throw error;
    const isPolicy = startFrom === "new" || startFrom === "all";
    const config = {
      durable_name: name,
      filter_subject: subject,
      ack_policy: "explicit",
      ack_wait: ackWaitMs * NANOSECONDS,
      max_ack_pending: maxAckPending,
      max_deliver: maxDeliver,
      deliver_policy: isPolicy ? startFrom : "by_start_time",
      ...(isPolicy ? {} : { opt_start_time: startFrom }),
      replay_policy: "instant",
      ...(queue === "" ? { inactive_threshold: STREAM_MAX_AGE_MS * NANOSECONDS } : {}),
    };
    return callApi(api, `CONSUMER.DURABLE.CREATE.${stream}.${name}`, { stream_name: stream, config });
  });
  const { config } = info;
  const fail = (why: string): never => {
    throw new SubscribeFailedError(`JetStream consumer ${name}: ${why}`, { retryable: false });
  };
  if (!isObject(config)) return fail("the server's response has no `config`");
  if (config.deliver_subject) fail("it pushes its messages and cannot be pulled from");
  if (config.filter_subject !== subject) fail(`it serves ${String(config.filter_subject)}, not ${subject}`);
  if (config.ack_policy !== "explicit") fail("it does not require an acknowledgement of each message");
  return { stream, name, ackWaitMs: Number(config.ack_wait) / NANOSECONDS, created: String(info.created) };
}
