/** A call inside the pipeline. */

import type { Cut } from "../core/cut.js";
import type { RetryPolicy, RetryRule } from "../core/retry-policy.js";
import type { Answer } from "./answer.js";
import type { RequestBody } from "./body.js";
import type { HttpOperation } from "./operation.js";
import type { SendOptions } from "./options.js";

/**
 * One call, or one of the requests it makes. Layers hand a changed copy inwards: a request that was given up may
 * still be on its way when the next one begins.
 */
export interface Call {
  readonly operation: HttpOperation;
  readonly options: SendOptions;
  /** Ours; the caller's own, or one made for a protocol that sends it. */
  readonly correlationId: string | undefined;
  readonly rule: RetryRule;
  readonly policy: RetryPolicy;
  /** Limit of each request, in milliseconds. */
  readonly timeoutMs: number;
  /** Ends the whole call, also while its response is being read as a stream. */
  readonly whole: Cut;
  /** True for a response that is handed over while it arrives. */
  readonly stream: boolean;
  readonly url: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: RequestBody | undefined;
  /** 1 for the first attempt. */
  attempt: number;
  /** Ends the request that is being made now. */
  readonly cut: Cut;
  /** Requests that left and were not refused before anything was done. */
  readonly left: { count: number };
  /** Of the request that is being made now. */
  got: Progress;
}

/** How far a request has come. */
export interface Progress {
  /** What it waits for before it can be sent, such as "login". */
  waitsFor?: string | undefined;
  /** True once it has left. */
  sent?: boolean;
  /** Status and headers of its response, once they have arrived. */
  head?: Answer;
}

/** Notes that the request of a call leaves. */
export function leaves({ got, left, options }: Call): void {
  got.sent = true;
  left.count++;
  options.onSend?.();
}

/** Notes that the request of a call provably did nothing. */
export function didNothing({ got, left }: Call): void {
  if (got.sent === true) left.count--;
  got.sent = false;
}

/** Carries out a call, or hands it to the next layer. */
export type Send<T = Answer> = (call: Call) => Promise<T>;

/** One layer of the pipeline, composed once for each client. */
export type Layer<T = Answer> = (next: Send<T>) => Send<T>;
