import { dirname } from "node:path";
import type { SpecConfig } from "../config.js";
import { formatFinding } from "../finding.js";
import { type OpenApi, readOpenApi } from "../openapi/openapi.js";
import { withoutAccepted } from "./accepted.js";
import { type Break, breakKey } from "./breaks.js";
import { libraryBreaks } from "./library-breaks.js";
import { ownBreaks } from "./own-breaks.js";
import type { CheckResult } from "./result.js";

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
  const keyed = breaks.map((item) => {
    const key = breakKey(item);
    return {
      key,
      finding: formatFinding(api.source.finding(item.path, `breaking: ${item.message} (${key})`)),
    };
  });
  const { accepted, findings } = withoutAccepted(root, acceptedOf(config), keyed);
  const summary = `${api.source.file} against ${baseline}: ${breaks.length} breaks, ${accepted} accepted`;
  return { name: `breaking ${name}`, summary, findings };
}
