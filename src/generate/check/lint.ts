import type { Finding } from "../finding.js";
import { checkExtensions } from "../openapi/extensions.js";
import type { OpenApi } from "../openapi/openapi.js";
import { lintDocument, STRUCTURE } from "../openapi/redocly.js";
import type { RuleBook, Rules } from "../rules.js";
import type { CheckResult } from "./check.js";

/** The rules of redocly's `recommended` set that do not hold for our own specs, each with the reason. */
export const switchedOff: Readonly<Record<string, string>> = {
  "no-server-example.com":
    "some servers have no public address: the loopback default of the vendor's own client is all there is",
  "no-unused-components": "schemas of events and of tool parameters are used through extensions only",
};

/** What redocly finds: by `recommended` every finding counts, else only the structure is looked at. */
async function lint(root: string, api: OpenApi, rules: RuleBook): Promise<Finding[]> {
  const [structure, recommended] = [rules.of("structure"), rules.of("recommended")];
  if (recommended === "off") {
    const own: Rules = structure === "off" ? {} : STRUCTURE;
    const found = await lintDocument(root, api.original, { ...own, ...rules.linter });
    return found.map((finding) =>
      Object.hasOwn(own, finding.rule ?? "") && structure !== "error"
        ? { ...finding, severity: "warning" }
        : finding,
    );
  }
  const off: Rules = Object.fromEntries(Object.keys(switchedOff).map((rule) => [rule, "off"]));
  const found = await lintDocument(root, api.original, { ...off, ...rules.linter }, "recommended");
  return found.map((finding) => ({ ...finding, severity: recommended === "warn" ? "warning" : "error" }));
}

/** Lints an OpenAPI document: redocly's rules, then those of our own extensions. */
export async function checkLint(
  root: string,
  name: string,
  api: OpenApi,
  rules: RuleBook,
): Promise<CheckResult> {
  return {
    name: `lint ${name}`,
    summary: `${api.source.file}: ${api.operations.length} operations, ${Object.keys(api.schemas).length} schemas`,
    findings: [...api.warnings, ...(await lint(root, api, rules)), ...checkExtensions(api, rules)],
  };
}
