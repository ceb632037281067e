/** One thing that `agentwire doctor` looked at. */
import { AuthError, ConnectionError, errorText, TimeoutError } from "../../core/errors.js";
import { maskText } from "../../core/mask-text.js";

/** What was found. `skip`: there was nothing to look at. */
export interface Check {
  readonly area: "env" | "keys" | "nats" | "redis" | "neuron" | "aureus" | "4runr" | "clock" | "versions";
  readonly what: string;
  readonly status: "ok" | "warn" | "fail" | "skip";
  readonly text: string;
  /** What to do about it. */
  readonly advice?: string;
  /** A server that does not answer, or does not let us in. */
  readonly unreachable?: true;
}

/** What the clock of a server said, for the check of the clocks. */
export interface ServerTime {
  readonly server: string;
  /** Its clock less ours, in milliseconds; 0 within the resolution of HTTP dates. */
  readonly aheadMs: number;
}

/** What one group of checks found. */
export interface Findings {
  readonly checks: readonly Check[];
  readonly times?: readonly ServerTime[];
}

type Area = Check["area"];

/** A check that found all in order. */
export function ok(area: Area, what: string, text: string): Check {
  return { area, what, status: "ok", text: maskText(text) };
}

/** A check that found something to look at; it is not a failure. */
export function warn(area: Area, what: string, text: string, advice?: string): Check {
  return { area, what, status: "warn", text: maskText(text), ...(advice === undefined ? {} : { advice }) };
}

/** A check that failed. */
export function fail(area: Area, what: string, text: string, advice?: string): Check {
  return { area, what, status: "fail", text: maskText(text), ...(advice === undefined ? {} : { advice }) };
}

/** Something that was not looked at, and why. */
export function skip(area: Area, what: string, text: string): Check {
  return { area, what, status: "skip", text };
}

/** The check for an error. It says which server cannot be reached if the error does. */
export function failed(area: Area, what: string, error: unknown, advice?: string): Check {
  const check = fail(area, what, errorText(error), advice);
  const away =
    error instanceof ConnectionError || error instanceof AuthError || error instanceof TimeoutError;
  return away ? { ...check, unreachable: true } : check;
}
