import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Finding } from "../finding.js";
import { readForm } from "../forms.js";
import { asRecord } from "../openapi/openapi.js";

/** A break as an acceptance names it, and as a finding. */
export interface KeyedBreak {
  /** Action and path. */
  readonly key: string;
  /** What is reported when nobody has accepted it. */
  readonly finding: Finding;
}

/**
 * Holds breaks against the file of those that were decided on, a list of `{ path, action, reason }`. A missing file is
 * an empty list.
 * @returns how many were accepted; the findings: breaks that were not, acceptances without a reason, stale ones
 */
export function withoutAccepted(
  root: string,
  file: string,
  breaks: readonly KeyedBreak[],
): { readonly accepted: number; readonly findings: readonly Finding[] } {
  const findings: Finding[] = [];
  const accepted = new Set<string>();
  if (existsSync(join(root, file))) {
    const source = readForm(root, file, "accepted-breaks");
    const keys = new Set(breaks.map(({ key }) => key));
    for (const [index, item] of ((source.data as unknown[] | null) ?? []).entries()) {
      const { path, action, reason } = asRecord(item);
      const key = `${String(action)} ${String(path)}`;
      const fail = (message: string) =>
        findings.push(source.finding([index], message, { rule: "accepted-break" }));
      if (typeof reason !== "string" || reason.trim() === "") fail(`${key} has no reason`);
      if (!keys.has(key)) fail(`stale: ${key} is no longer a break; remove this entry`);
      accepted.add(key);
    }
  }
  findings.push(...breaks.filter(({ key }) => !accepted.has(key)).map(({ finding }) => finding));
  return { accepted: accepted.size, findings };
}
