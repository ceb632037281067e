/** What a peer says about when to try again, in milliseconds. */
import { type Clock, systemClock } from "./clock.js";

/** The longest wait that is believed: one day. A longer one counts as this. */
export const longestRetryAfterMs = 86_400_000;

/** `[0, one day]`; undefined for what is not a number. */
function bounded(ms: number): number | undefined {
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(Math.ceil(ms), 0), longestRetryAfterMs);
}

const decimal = /^[+-]?\d+(?:\.\d+)?$/;

/** The three forms of an HTTP date (RFC 9110, 5.6.7), and RFC 3339, which some servers send instead. */
const dateForms = [
  /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/,
  /^[A-Z][a-z]{5,8}, \d{2}-[A-Z][a-z]{2}-\d{2} \d{2}:\d{2}:\d{2} GMT$/,
  /^[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d{2}:\d{2}:\d{2} \d{4}$/,
  /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:\d{2})$/,
];

/**
 * A `Retry-After` value: seconds, or a date that is compared with the clock. Past dates and negative numbers
 * count as 0, anything beyond a day as a day. Undefined when there is no value or it cannot be read.
 */
export function parseRetryAfter(
  value: string | null | undefined,
  clock: Pick<Clock, "now"> = systemClock,
): number | undefined {
  const text = value?.trim();
  if (!text) return undefined;
  if (decimal.test(text)) return bounded(Number(text) * 1_000);
  const form = dateForms.findIndex((pattern) => pattern.test(text));
  if (form < 0) return undefined;
  // The asctime form has no zone; HTTP means GMT.
  return bounded(Date.parse(form === 2 ? `${text} GMT` : text) - clock.now());
}

/** The wait that response headers ask for: `retry-after-ms` before `retry-after`. */
export function retryAfterFromHeaders(
  headers: { get(name: string): string | null },
  clock: Pick<Clock, "now"> = systemClock,
): number | undefined {
  const ms = headers.get("retry-after-ms")?.trim();
  if (ms && decimal.test(ms)) return bounded(Number(ms));
  return parseRetryAfter(headers.get("retry-after"), clock);
}

const msFields = ["retryAfterMs", "retry_after_ms"];
const secondsFields = ["retryAfter", "retry_after", "retryAfterSeconds", "retry_after_seconds"];
/** Objects in a body that may carry the hint in place of the body itself. */
const wrappers = ["error", "details", "detail"];

function field(body: object, names: readonly string[]): number | undefined {
  for (const name of names) {
    const value: unknown = Object.hasOwn(body, name) ? (body as Record<string, unknown>)[name] : undefined;
    if (typeof value === "number") return value;
    if (typeof value === "string" && decimal.test(value.trim())) return Number(value);
  }
  return undefined;
}

/**
 * The wait that a JSON body asks for: `retryAfterMs` in milliseconds, else `retryAfter` in seconds, each also
 * in snake_case, at the top or inside `error`, `details` or `detail`.
 */
export function retryAfterFromBody(body: unknown, depth = 2): number | undefined {
  if (typeof body !== "object" || body === null) return undefined;
  const ms = field(body, msFields);
  if (ms !== undefined) return bounded(ms);
  const seconds = field(body, secondsFields);
  if (seconds !== undefined) return bounded(seconds * 1_000);
  if (depth === 0) return undefined;
  for (const name of wrappers) {
    const inner: unknown = Object.hasOwn(body, name) ? (body as Record<string, unknown>)[name] : undefined;
    const found = retryAfterFromBody(inner, depth - 1);
    if (found !== undefined) return found;
  }
  return undefined;
}
