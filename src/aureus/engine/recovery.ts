/** What happens to a commit that a gate blocked: the four recovery strategies. */
import type { Commit, GateResult, RecoveryResult, RecoveryStrategy } from "../../../gen/aureus/v1/models.js";
import { errorText } from "../../core/errors.js";
import type { CrvGate } from "./gate.js";

/** Carries out the strategies that need somebody. `ignore` needs nobody. */
export interface RecoveryExecutor {
  /** Gets the data from another tool, in at most `maxRetries` tries. */
  retryAltTool(toolName: string, maxRetries: number, commit: Commit): Promise<RecoveryResult>;
  /** Asks a human. */
  askUser(prompt: string, commit: Commit): Promise<RecoveryResult>;
  /** Hands the matter on. Success without `recoveredData` is the usual outcome. */
  escalate(reason: string, commit: Commit): Promise<RecoveryResult>;
}

/** How a blocked commit ended. */
export interface RecoveryOutcome {
  /** `ignored` and `recovered` let `data` through; the others do not. */
  readonly status: "ignored" | "recovered" | "handed_on" | "refused" | "failed";
  /** What may be committed, where the status lets something through. */
  readonly data?: unknown;
  /** Why nothing gets through; absent where something does. */
  readonly error?: string;
  /** What the executor said. */
  readonly result?: RecoveryResult;
  /** The error was thrown by the executor. */
  readonly threw?: boolean;
}

/** The reasons of a failed gate, as the engine joins them. */
export function failureReasons(result: GateResult): string {
  return result.validationResults
    .filter(({ valid }) => !valid)
    .map(({ reason }) => reason)
    .join(", ");
}

/**
 * Carries out the strategy of a blocked commit. Data that was recovered goes through the same gate again;
 * success without data is `handed_on`. Never rejects: what the executor throws is `failed`.
 */
export async function recover(
  gate: CrvGate,
  commit: Commit,
  blocked: GateResult,
  strategy: RecoveryStrategy,
  executor: RecoveryExecutor,
): Promise<RecoveryOutcome> {
  if (strategy.type === "ignore") {
    const message = `Validation failure ignored: ${strategy.justification}`;
    return { status: "ignored", data: commit.data, result: { success: true, strategy, message } };
  }
  try {
    const result = await execute(strategy, commit, executor);
    const why = `CRV gate blocked commit: ${failureReasons(blocked)}`;
    if (!result.success || result.recoveredData === undefined) {
      const how = result.success ? "succeeded" : "failed";
      const error = `${why}. Recovery ${how}: ${result.message}`;
      return { status: result.success ? "handed_on" : "failed", error, result };
    }
    const again = await gate.validate({
      ...commit,
      id: `${commit.id}-recovered`,
      data: result.recoveredData,
      metadata: { ...commit.metadata, recovered: true, recoveryStrategy: strategy.type },
    });
    if (!again.blockedCommit) return { status: "recovered", data: result.recoveredData, result };
    const error = `${why}. Recovered data failed validation too: ${failureReasons(again)}`;
    return { status: "refused", error, result };
  } catch (error) {
    const text = `CRV gate blocked commit and recovery failed: ${errorText(error)}`;
    return { status: "failed", error: text, threw: true };
  }
}

function execute(
  strategy: Exclude<RecoveryStrategy, { type: "ignore" }>,
  commit: Commit,
  executor: RecoveryExecutor,
): Promise<RecoveryResult> {
  switch (strategy.type) {
    case "retry_alt_tool":
      return executor.retryAltTool(strategy.toolName, strategy.maxRetries, commit);
    case "ask_user":
      return executor.askUser(strategy.prompt, commit);
    case "escalate":
      return executor.escalate(strategy.reason, commit);
    default: {
      // A strategy of a newer peer: nobody here knows what it asks for.
      const unknown = strategy as RecoveryStrategy;
      return Promise.resolve({ success: false, strategy: unknown, message: "Unknown recovery strategy" });
    }
  }
}
