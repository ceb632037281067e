/** What one check of `pnpm specs:check` found. */
export interface CheckResult {
  /** Short name, the first word of its line. */
  readonly name: string;
  /** What was looked at, with counts. */
  readonly summary: string;
  /** What is wrong, each naming a file; empty when the check passed. */
  readonly findings: readonly string[];
}
