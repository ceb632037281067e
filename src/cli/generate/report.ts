/** How `gen` and `check` show what is wrong: for people, for programs, and for GitHub. */
import type { CheckResult } from "../../generate/check/check.js";
import { type Finding, type FindingGroup, formatGroup, groupFindings } from "../../generate/finding.js";
import { type Io, paint } from "../io.js";

/** GitHub shows no more annotations of a kind for a step. */
const ANNOTATIONS = 10;

/** Findings of one kind that are listed for people; the others are counted. */
const LISTED = 20;

/** An option of both commands. */
export const GITHUB_OPTION = [
  "--github",
  "print annotations for GitHub Actions (default if GITHUB_ACTIONS is true)",
] as const;

/** A finding as `--json` has it. */
export function jsonFinding({ rule, severity = "error", ...finding }: FindingGroup): object {
  return { kind: rule ?? "document", severity, ...finding };
}

/** True if annotations are printed. */
export function wantsGithub({ github }: { readonly github?: boolean }, { env }: Io): boolean {
  return github || env.GITHUB_ACTIONS === "true";
}

/** Prints findings in groups. */
export function printFindings(io: Io, findings: readonly Finding[], github: boolean): void {
  const shown = new Map<string, number>();
  for (const group of groupFindings(findings)) {
    const kind = `${group.severity === "warning" ? "warning" : "error"} ${group.rule ?? ""}`;
    const count = (shown.get(kind) ?? 0) + 1;
    shown.set(kind, count);
    if (count <= LISTED) io.err(`  ${describe(io, group)}\n`);
    if (github && count <= ANNOTATIONS) io.out(annotation(group));
  }
  for (const [kind, count] of shown) {
    if (count > LISTED) io.err(`  ${kind.trim()}: ${count - LISTED} more (all with --json)\n`);
  }
}

function describe(io: Io, group: FindingGroup): string {
  const text = formatGroup(group).replaceAll("\n", "\n  ");
  return group.severity === "warning" ? `${paint(io, "yellow", "warning")} ${text}` : text;
}

/** A workflow command; the characters that end one are escaped. */
function annotation({ severity, file, line, column, rule, message }: FindingGroup): string {
  const data = (text: string) => text.replaceAll("%", "%25").replaceAll("\r", "%0D").replaceAll("\n", "%0A");
  const property = (text: string) => data(text).replaceAll(":", "%3A").replaceAll(",", "%2C");
  const place = `file=${property(file)},line=${line},col=${column},title=${property(rule ?? "agentwire")}`;
  return `::${severity === "warning" ? "warning" : "error"} ${place}::${data(message)}\n`;
}

/** Prints the results of all checks. */
export function printResults(io: Io, results: readonly CheckResult[], github: boolean): void {
  for (const { name, summary, findings, failure } of results) {
    const bad = failure !== undefined || findings.some(({ severity }) => severity !== "warning");
    io.err(`${bad ? paint(io, "red", "FAIL") : paint(io, "green", "ok  ")} ${name}: ${summary}\n`);
    if (failure !== undefined && findings.length === 0) io.err(`  ${failure.replaceAll("\n", "\n  ")}\n`);
    printFindings(io, findings, github);
  }
}
