/** One thing wrong in a file, at the place where it is wrong. Line and column count from 1. */
export interface Finding {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly message: string;
  /** The rule it breaks, such as `x-idempotent-required`; absent where nothing can be switched off. */
  readonly rule?: string;
  /** Default: `error`. */
  readonly severity?: "error" | "warning";
}

/** Equal findings of one file: the first of them, and how many there are. */
export interface FindingGroup extends Finding {
  readonly count: number;
}

/** `file:line:column: message`, the form editors and terminals turn into a link. */
export function formatFinding({ file, line, column, message }: Finding): string {
  return `${file}:${line}:${column}: ${message}`;
}

/** Joins findings that say the same of one file, in the order of their first places. */
export function groupFindings(findings: readonly Finding[]): FindingGroup[] {
  const groups = new Map<string, FindingGroup>();
  for (const finding of findings) {
    const key = [finding.file, finding.rule, finding.severity, finding.message].join("\n");
    const known = groups.get(key);
    groups.set(key, { ...(known ?? finding), count: (known?.count ?? 0) + 1 });
  }
  return [...groups.values()];
}

/** A group as text: its first place, and the number of the others. */
export function formatGroup(group: FindingGroup): string {
  return formatFinding(group) + (group.count > 1 ? ` (${group.count.toLocaleString("en")} places)` : "");
}

/**
 * An expected failure: a spec that is wrong, a tool that is missing. Its message is all a user needs; commands print it
 * without a stack trace.
 */
export class SpecError extends Error {
  override readonly name = "SpecError";
  /** What is wrong in files; empty when the failure is about none. */
  readonly findings: readonly Finding[];

  constructor(failure: readonly Finding[] | string, findings = typeof failure === "string" ? [] : failure) {
    super(typeof failure === "string" ? failure : groupFindings(failure).map(formatGroup).join("\n"));
    this.findings = findings;
  }
}

/** Throws a {@link SpecError} when there is at least one finding. */
export function throwFindings(findings: readonly Finding[]): void {
  if (findings.length > 0) throw new SpecError(findings);
}
