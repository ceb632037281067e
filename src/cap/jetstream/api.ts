/** The JSON calls of JetStream (NATS JetStream wire API reference). */
import {
  AgentwireError,
  errorText,
  ProtocolError,
  UnsupportedError,
  UpstreamError,
} from "../../core/errors.js";
import { isObject } from "../../core/json.js";
import type { Link } from "./link.js";

/** Codes of the server's answers. */
export const CONSUMER_NOT_FOUND = 10014;
export const STREAM_NAME_IN_USE = 10058;
export const STREAM_NOT_FOUND = 10059;
const NOT_ENABLED = new Set([10039, 10076]);

/** An object of a JSON answer. */
export type JsonRecord = Readonly<Record<string, unknown>>;

/**
 * Reads an answer.
 *
 * @throws UpstreamError `jetstream_<number>` for one that tells of an error, retryable when the server is not ready;
 * UnsupportedError `NO_JETSTREAM`; ProtocolError for one that is not JSON.
 */
export function readAnswer(data: Uint8Array, what: string): JsonRecord {
  let answer: unknown;
  try {
    answer = JSON.parse(new TextDecoder().decode(data));
  } catch (error) {
    throw new ProtocolError(`JetStream ${what}: ${errorText(error)}`, { cause: error });
  }
  if (!isObject(answer)) throw new ProtocolError(`JetStream ${what}: the answer is no object`);
  if (!isObject(answer.error)) return answer;
  const { code, err_code: number, description } = answer.error;
  const text = `JetStream ${what}: ${String(description)}`;
  if (NOT_ENABLED.has(Number(number))) throw new UnsupportedError(text, { code: "NO_JETSTREAM" });
  throw new UpstreamError(text, {
    code: `JETSTREAM_${Number(number ?? code)}`,
    retryable: code === 503,
    details: { code, number },
  });
}

/** Whether an error is the server's answer with this number. */
export function isAnswer(error: unknown, number: number): boolean {
  return error instanceof AgentwireError && error.code === `JETSTREAM_${number}`;
}

/** Calls `$JS.API.<name>`. @throws What {@link readAnswer} and `Link.request` throw. */
export async function callApi(
  link: Link,
  name: string,
  timeoutMs: number,
  body?: object,
): Promise<JsonRecord> {
  const data = new TextEncoder().encode(body === undefined ? "" : JSON.stringify(body));
  const answer = await link.request(`$JS.API.${name}`, data, { timeoutMs });
  return readAnswer(answer.data, name);
}
