import { existsSync } from "node:fs";
import { join } from "node:path";
import type { OpenApiSpec, ToolsSpec } from "../config.js";
import { type OpenApi, readOpenApi } from "../openapi/openapi.js";
import { readTools } from "../tools-file.js";
import { withoutAccepted } from "./accepted.js";
import { breakKey } from "./breaks.js";
import type { CheckResult } from "./check.js";
import { findBreaks } from "./own-breaks.js";

/** A path beside the document: `specs/billing.yaml` → `specs/billing.baseline.yaml`. */
function beside(document: string, ending: string): string {
  return `${document.replace(/\.(?:ya?ml|json)$/i, "")}.${ending}.yaml`;
}

/** The document of a spec. */
export function documentOf(spec: OpenApiSpec | ToolsSpec): string {
  return "tools" in spec ? spec.tools : spec.openapi;
}

/** Where the document of the last release is. */
export function baselineOf(spec: OpenApiSpec | ToolsSpec): string {
  return spec.baseline ?? beside(documentOf(spec), "baseline");
}

/** `1 break`, `2 breaks`. */
export function countOf(count: number): string {
  return `${count} ${count === 1 ? "break" : "breaks"}`;
}

/**
 * Compares a document with its baseline. Breaks must be accepted with a reason; stale acceptances are findings too.
 * Without a baseline there is nothing to compare, unless the config names one.
 */
export function checkBreaking(
  root: string,
  name: string,
  spec: OpenApiSpec | ToolsSpec,
  api: OpenApi,
): CheckResult {
  const baseline = baselineOf(spec);
  const accepted = spec.acceptedBreaks ?? beside(documentOf(spec), "breaks");
  if (spec.baseline === undefined && !existsSync(join(root, baseline))) {
    const summary = `${api.source.file}: no baseline; \`agentwire check ${name} --update-baseline\` makes one`;
    return { name: `breaking ${name}`, summary, findings: [] };
  }
  const breaks = findBreaks(
    "tools" in spec ? readTools(root, baseline) : readOpenApi(root, baseline, spec),
    api,
  );
  const keyed = breaks.map((item) => {
    const key = breakKey(item);
    const message = `breaking: ${item.message} (${key})`;
    return { key, finding: api.source.finding(item.path, message, { rule: "breaking" }) };
  });
  const { accepted: count, findings } = withoutAccepted(root, accepted, keyed);
  const summary = `${api.source.file} against ${baseline}: ${countOf(breaks.length)}, ${count} accepted`;
  return { name: `breaking ${name}`, summary, findings };
}
