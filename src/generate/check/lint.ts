import { formatFinding } from "../finding.js";
import { checkExtensions } from "../openapi/extensions.js";
import type { OpenApi } from "../openapi/openapi.js";
import { lintDocument, type Rules } from "../openapi/redocly.js";
import type { CheckResult } from "./result.js";

/** The rules of redocly's `recommended` set that do not hold here, each with the reason. */
export const switchedOff: Readonly<Record<string, string>> = {
  "no-server-example.com":
    "some servers have no public address: the loopback default of the vendor's own client is all there is",
  "no-unused-components": "schemas of events and of tool parameters are used through extensions only",
};

/** Lints an OpenAPI document: redocly's recommended rules, then the rules of our own extensions. */
export async function checkLint(name: string, api: OpenApi): Promise<CheckResult> {
  const rules: Rules = Object.fromEntries(Object.keys(switchedOff).map((rule) => [rule, "off"]));
  const findings = [...(await lintDocument(api.source, rules, "recommended")), ...checkExtensions(api)];
  return {
    name: `lint ${name}`,
    summary: `${api.source.file}: ${api.operations.length} operations, ${Object.keys(api.schemas).length} schemas`,
    findings: findings.map(formatFinding),
  };
}
