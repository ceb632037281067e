/** A call inside the pipeline. */
import type { RetryPolicy, RetryRule } from "../core/retry-policy.js";
import type { Answer } from "./answer.js";
import type { RequestBody } from "./body.js";
import type { Cut } from "./cut.js";
import type { HttpOperation } from "./operation.js";
import type { CallOptions } from "./options.js";

/** One call, and the request it is making now. Layers change `headers`, `attempt` and `cut` as it goes on. */
export interface Call {
  readonly operation: HttpOperation;
  readonly options: CallOptions;
  readonly rule: RetryRule;
  readonly policy: RetryPolicy;
  /** Limit of each request, in milliseconds. */
  readonly timeoutMs: number;
  /** Ends the whole call, also while its response is being read as a stream. */
  readonly whole: Cut;
  /** True for a response that is handed over while it arrives. */
  readonly stream: boolean;
  url: string;
  /** Names in lower case. */
  headers: Readonly<Record<string, string>>;
  readonly body: RequestBody | undefined;
  /** 1 for the first attempt. */
  attempt: number;
  /** Ends the request that is being made now. */
  cut: Cut;
  /** True once the head of the response has arrived. */
  responded: boolean;
}

/** Carries out a call, or hands it to the next layer. */
export type Send = (call: Call) => Promise<Answer>;

/** One layer of the pipeline, composed once for each client. */
export type Layer = (next: Send) => Send;
