/** Gates: all validators judge a change, then it passes, passes with a warning, or is blocked. */
import type {
  Commit,
  GateResult,
  RecoveryStrategy,
  ValidationResult,
} from "../../../gen/aureus/v1/models.js";
import { type Clock, systemClock } from "../../core/clock.js";
import type { Validator } from "./validation.js";

/** Options of {@link CrvGate}. */
export interface CrvGateConfig {
  readonly name: string;
  /** They run in this order, one after another, all of them. None means that everything passes. */
  readonly validators: readonly Validator[];
  /** True blocks what does not pass; false lets it through as a warning. */
  readonly blockOnFailure: boolean;
  /** Least confidence, 0 to 1. 0, null and undefined mean none. */
  readonly requiredConfidence?: number | null | undefined;
  /** Told in the result of a commit that does not pass. The gate itself never recovers. */
  readonly recoveryStrategy?: RecoveryStrategy | null | undefined;
  /** Returns the timestamp of results. Default: the clock of the platform. */
  readonly clock?: Clock | undefined;
}

/** A gate with the semantics of the Aureus engine. */
export class CrvGate {
  readonly config: CrvGateConfig;

  constructor(config: CrvGateConfig) {
    this.config = config;
  }

  /**
   * Judges a commit. It passes when every validator says valid and, where a confidence is required, none of those
   * that tell theirs (0 counts as not told) is less sure. `failureCode` and `remediation` are those of the first
   * invalid result that has a code; a commit that fails for its confidence alone has none.
   * Rejects with what a validator throws.
   */
  async validate(commit: Commit): Promise<GateResult> {
    const { name, validators, blockOnFailure, requiredConfidence, recoveryStrategy } = this.config;
    const validationResults: ValidationResult[] = [];
    for (const validator of validators) validationResults.push(await validator(commit));
    const least = requiredConfidence ?? 0;
    // What cannot be compared must not let a commit through.
    const unsure = ({ confidence }: ValidationResult): boolean => {
      const told = confidence ?? 0;
      return Number.isNaN(least) || (least !== 0 && told !== 0 && !(told >= least));
    };
    const passed = validationResults.every((result) => result.valid && !unsure(result));
    const blockedCommit = blockOnFailure && !passed;
    const failure = validationResults.find((result) => !result.valid && result.failureCode);
    return {
      passed,
      gateName: name,
      validationResults,
      blockedCommit,
      timestamp: new Date((this.config.clock ?? systemClock).now()).toISOString(),
      crvStatus: blockedCommit ? "blocked" : passed ? "passed" : "warning",
      ...(!passed && recoveryStrategy && { recoveryStrategy }),
      ...(failure?.failureCode && { failureCode: failure.failureCode }),
      ...(failure?.remediation && { remediation: failure.remediation }),
    };
  }
}

/** Judges a commit by several gates in order, and stops after the first that blocks it; a warning does not stop. */
export async function validateChain(gates: readonly CrvGate[], commit: Commit): Promise<GateResult[]> {
  const results: GateResult[] = [];
  for (const gate of gates) {
    const result = await gate.validate(commit);
    results.push(result);
    if (result.blockedCommit) break;
  }
  return results;
}
