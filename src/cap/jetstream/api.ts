/** The JSON calls of JetStream (JetStream API reference of NATS). */
import {
  AgentwireError,
  errorText,
  ProtocolError,
  UnsupportedError,
  UpstreamError,
} from "../../core/errors.js";
import { isObject } from "../../core/json.js";
import type { NatsBus } from "../nats/bus.js";

/** Error numbers of the server. */
export const CONSUMER_NOT_FOUND = 10014;
export const STREAM_NAME_IN_USE = 10058;
export const STREAM_NOT_FOUND = 10059;
const NOT_ENABLED = new Set([10039, 10076]);
/** "duplicate message id is in process": the first attempt is not agreed on yet; a later one learns what became of it. */
const IN_PROCESS = 10158;

/** The API counts in nanoseconds. */
export const NANOSECONDS = 1_000_000;

/** A JSON object of the server. */
export type JsonRecord = Readonly<Record<string, unknown>>;

/**
 * Reads a response.
 *
 * @throws UpstreamError `JETSTREAM_<number>` if it reports an error, retryable if the server is not ready;
 * UnsupportedError `NO_JETSTREAM`; ProtocolError if it is not JSON.
 */
export function readAnswer(data: Uint8Array, what: string): JsonRecord {
  let answer: unknown;
  try {
    answer = JSON.parse(new TextDecoder().decode(data));
  } catch (error) {
    throw new ProtocolError(`JetStream ${what}: ${errorText(error)}`, { cause: error });
  }
  if (!isObject(answer)) throw new ProtocolError(`JetStream ${what}: the response is not an object`);
  if (!isObject(answer.error)) return answer;
  const { code, err_code: number, description } = answer.error;
  const text = `JetStream ${what}: ${String(description)}`;
  if (NOT_ENABLED.has(Number(number))) throw new UnsupportedError(text, { code: "NO_JETSTREAM" });
  throw new UpstreamError(text, {
    code: `JETSTREAM_${Number(number ?? code)}`,
    retryable: code === 503 || number === IN_PROCESS,
    details: { code, number },
  });
}

/** Whether an error is the server's, with one of these numbers. */
export function isAnswer(error: unknown, ...numbers: readonly number[]): boolean {
  return error instanceof AgentwireError && numbers.some((number) => error.code === `JETSTREAM_${number}`);
}

/** The API of one connection. */
export interface JetStreamApi {
  readonly bus: NatsBus;
  /** How long one request may take. */
  readonly timeoutMs: number;
}

/** Calls `$JS.API.<name>`. @throws What {@link readAnswer} and `NatsBus.ask` throw. */
export async function callApi(
  { bus, timeoutMs }: JetStreamApi,
  name: string,
  body?: object,
): Promise<JsonRecord> {
  const data = new TextEncoder().encode(body === undefined ? "" : JSON.stringify(body));
  const answer = await bus.ask(`$JS.API.${name}`, data, timeoutMs);
  return readAnswer(answer.data, name);
}
