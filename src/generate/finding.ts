/** One thing wrong in a file, at the place where it is wrong. Line and column count from 1. */
export interface Finding {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly message: string;
}

/** `file:line:column: message`, the form editors and terminals turn into a link. */
export function formatFinding({ file, line, column, message }: Finding): string {
  return `${file}:${line}:${column}: ${message}`;
}

/**
 * An expected failure: a spec that is wrong, a tool that is missing. Its message is all a user needs; the
 * scripts print it without a stack trace and exit with 1.
 */
export class SpecError extends Error {
  override readonly name = "SpecError";

  constructor(findings: readonly Finding[] | string) {
    super(typeof findings === "string" ? findings : findings.map(formatFinding).join("\n"));
  }
}

/** Throws a {@link SpecError} when there is at least one finding. */
export function throwFindings(findings: readonly Finding[]): void {
  if (findings.length > 0) throw new SpecError(findings);
}
