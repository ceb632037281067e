import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import type { SpecConfig } from "../gen/config.ts";
import { formatFinding } from "../gen/finding.ts";
import { asRecord, type OpenApi, readOpenApi } from "../gen/openapi.ts";
import { readSource } from "../gen/source.ts";
import { type Break, breakKey } from "./breaks.ts";
import { libraryBreaks } from "./library-breaks.ts";
import { ownBreaks } from "./own-breaks.ts";
import type { CheckResult } from "./result.ts";

/** Where the document of the last release stands. */
export function baselineOf({ baseline, input }: SpecConfig): string {
  return baseline ?? `${dirname(input)}/baseline.yaml`;
}

/** Where the breaks stand that were decided on. */
export function acceptedOf({ acceptedBreaks, input }: SpecConfig): string {
  return acceptedBreaks ?? `${dirname(input)}/accepted-breaks.yaml`;
}

/** All breaks between two documents, each once: what our rules name is not named again by the library. */
export function findBreaks(before: OpenApi, after: OpenApi): Break[] {
  const own = ownBreaks(before, after);
  const named = own.map(({ path }) => `${path.join("/")}/`);
  const further = libraryBreaks(before, after).filter(({ path }) => {
    // A field that is gone is not reported once more because it is no longer required.
    const member = path.map((step, index) =>
      step === "required" && index === path.length - 2 ? "properties" : step,
    );
    return ![path, member].some((way) => named.some((place) => `${way.join("/")}/`.startsWith(place)));
  });
  const found = new Map([...own, ...further].map((item) => [breakKey(item), item]));
  return [...found.values()];
}

/** Compares a document with its baseline. Breaks must be accepted with a reason; stale acceptances are findings too. */
export function checkBreaking(root: string, name: string, config: SpecConfig, api: OpenApi): CheckResult {
  const baseline = baselineOf(config);
  const breaks = findBreaks(readOpenApi(root, baseline), api);
  const findings: string[] = [];
  const accepted = new Set<string>();
  const acceptedFile = acceptedOf(config);
  if (existsSync(join(root, acceptedFile))) {
    const source = readSource(root, acceptedFile);
    const keys = new Set(breaks.map(breakKey));
    for (const [index, item] of ((source.data as unknown[] | null) ?? []).entries()) {
      const { path, action, reason } = asRecord(item);
      const key = `${String(action)} ${String(path)}`;
      const fail = (message: string) => findings.push(formatFinding(source.finding([index], message)));
      if (typeof reason !== "string" || reason.trim() === "") fail(`${key} has no reason`);
      if (!keys.has(key)) fail(`stale: ${key} is no break any more`);
      accepted.add(key);
    }
  }
  for (const item of breaks) {
    const key = breakKey(item);
    if (accepted.has(key)) continue;
    findings.push(formatFinding(api.source.finding(item.path, `breaking: ${item.message} (${key})`)));
  }
  const summary = `${api.source.file} against ${baseline}: ${breaks.length} breaks, ${accepted.size} accepted`;
  return { name: `breaking ${name}`, summary, findings };
}
