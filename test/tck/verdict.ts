/** What a case has found. */

/** What a case has found. */
export interface Verdict {
  readonly passed: boolean;
  readonly detail: string;
  readonly evidence: Readonly<Record<string, unknown>>;
}

/** Passed when every check holds; the detail names those that do not. */
export function verdict(
  expected: string,
  checks: Readonly<Record<string, boolean>>,
  evidence: Readonly<Record<string, unknown>>,
): Verdict {
  const broken = Object.keys(checks).filter((name) => !checks[name]);
  const detail = broken.length === 0 ? expected : `does not hold: ${broken.join("; ")}`;
  return { passed: broken.length === 0, detail, evidence: { ...evidence, checks: Object.keys(checks) } };
}
