/** One run of a handler, from the input of a lease to its outcome. */
import { errorText } from "../core/errors.js";
import { jsonCopy } from "../core/json-form.js";
import type { Next } from "../core/middleware.js";
import { HandlerFailure } from "../handler/index.js";
import type { HandlerCall } from "../worker/middleware.js";
import type { Served } from "./capability.js";
import type { HandlerContext } from "./handler-context.js";
import { type LeaseEntry, type Outcome, outcomes } from "./lease.js";
import type { SchemaBook, Side } from "./schemas.js";

/** A lease, as middleware sees it. */
export type LeaseCall = HandlerCall<HandlerContext>;

/** What a run needs. */
export interface LeaseRun {
  readonly entry: LeaseEntry;
  readonly served: Served;
  readonly schemas: SchemaBook;
  readonly context: HandlerContext;
  /** The handler behind its middleware. */
  readonly handle: Next<LeaseCall, unknown>;
  /** Put the text of an exception on the wire. */
  readonly exposeErrors: boolean;
}

const mismatches = {
  input: ["lease input does not match inputSchema", "INPUT_SCHEMA_MISMATCH"],
  output: ["handler output does not match outputSchema", "OUTPUT_SCHEMA_MISMATCH"],
} as const;

function mismatch(side: Side, errors: readonly string[]): Outcome {
  const [reason, code] = mismatches[side];
  return { kind: "schema-mismatch", reason, code, details: { errors } };
}

/** Checks the input, runs the handler, checks the output. Never rejects. */
export async function runLease(run: LeaseRun): Promise<Outcome> {
  const { entry, served, schemas, context } = run;
  const { lease } = entry;
  let { input } = lease.task;
  if (!schemas.isOpen(served, lease, "input")) {
    const verdict = await schemas.judge(served, lease, "input", input);
    if (!verdict.ok) return mismatch("input", verdict.errors);
    if (entry.cutBy !== undefined) return outcomes.cancelled;
    input = verdict.value;
  }
  let output: unknown;
  try {
    const { leaseId: id, task } = lease;
    output = await run.handle({ protocol: "neuron", id, name: task.capability, input, ctx: context });
  } catch (error) {
    return failure(error, run);
  }
  if (!schemas.isOpen(served, lease, "output")) {
    const verdict = await schemas.judge(served, lease, "output", output);
    if (!verdict.ok) {
      return verdict.notSerializable
        ? notSerializable(verdict.errors.join("; "))
        : mismatch("output", verdict.errors);
    }
    return { kind: "ack", output: verdict.value };
  }
  try {
    // Acked as it is now, however often: the handler may keep the object and change it.
    return { kind: "ack", output: jsonCopy(output, "the output") };
  } catch (error) {
    return notSerializable(errorText(error));
  }
}

function notSerializable(reason: string): Outcome {
  return { kind: "terminal", reason, code: "OUTPUT_NOT_SERIALIZABLE" };
}

function failure(error: unknown, { entry, exposeErrors, context }: LeaseRun): Outcome {
  if (entry.cutBy !== undefined) return outcomes.cancelled;
  if (error instanceof HandlerFailure) {
    return { kind: "terminal", reason: error.reason, code: error.failureCode || "HANDLER_TERMINAL" };
  }
  context.log.error("handler failed", { error });
  const reason = exposeErrors ? errorText(error) : "handler failed";
  return { kind: "retryable", reason, code: "HANDLER_THREW" };
}
