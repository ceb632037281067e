import { existsSync } from "node:fs";
import { join } from "node:path";
import type { OpenApiSpec } from "../config.js";
import { type OpenApi, readOpenApi } from "../openapi/openapi.js";
import { withoutAccepted } from "./accepted.js";
import { breakKey } from "./breaks.js";
import type { CheckResult } from "./check.js";
import { findBreaks } from "./own-breaks.js";

/** A path beside the document: `specs/billing.yaml` → `specs/billing.baseline.yaml`. */
function beside(document: string, ending: string): string {
  return `${document.replace(/\.(?:ya?ml|json)$/i, "")}.${ending}.yaml`;
}

/** Where the document of the last release is. */
export function baselineOf({ baseline, openapi }: OpenApiSpec): string {
  return baseline ?? beside(openapi, "baseline");
}

/** `1 break`, `2 breaks`. */
export function countOf(count: number): string {
  return `${count} ${count === 1 ? "break" : "breaks"}`;
}

/**
 * Compares a document with its baseline. Breaks must be accepted with a reason; stale acceptances are findings too.
 * Without a baseline there is nothing to compare, unless the config names one.
 */
export function checkBreaking(root: string, name: string, spec: OpenApiSpec, api: OpenApi): CheckResult {
  const baseline = baselineOf(spec);
  const accepted = spec.acceptedBreaks ?? beside(spec.openapi, "breaks");
  if (spec.baseline === undefined && !existsSync(join(root, baseline))) {
    const summary = `${api.source.file}: no baseline; \`agentwire check ${name} --update-baseline\` makes one`;
    return { name: `breaking ${name}`, summary, findings: [] };
  }
  const breaks = findBreaks(readOpenApi(root, baseline, spec), api);
  const keyed = breaks.map((item) => {
    const key = breakKey(item);
    const message = `breaking: ${item.message} (${key})`;
    return { key, finding: api.source.finding(item.path, message, { rule: "breaking" }) };
  });
  const { accepted: count, findings } = withoutAccepted(root, accepted, keyed);
  const summary = `${api.source.file} against ${baseline}: ${countOf(breaks.length)}, ${count} accepted`;
  return { name: `breaking ${name}`, summary, findings };
}
