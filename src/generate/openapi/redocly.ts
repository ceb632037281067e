import { createConfig, getLineColLocation, lintFromString } from "@redocly/openapi-core";
import type { Finding } from "../finding.js";
import type { Source } from "../source.js";

/** Rules by name: how bad a finding is, or `off`. */
export type Rules = Readonly<Record<string, "error" | "warn" | "off">>;

/** Lints a document in process; every finding counts, whatever its severity. */
export async function lintDocument(source: Source, rules: Rules, base?: "recommended"): Promise<Finding[]> {
  const config = await createConfig({ ...(base && { extends: [base] }), rules: { ...rules } });
  const problems = await lintFromString({ source: source.text, absoluteRef: source.path, config });
  return problems.map(({ message, ruleId, location }) => {
    const { start } = getLineColLocation(location[0]!);
    const text = message.replace(/\s*\n\s*/g, " ").trim();
    return { file: source.file, line: start.line, column: start.col, message: `${text} (${ruleId})` };
  });
}

/** What makes a document unusable for the generator. */
export function lintStructure(source: Source): Promise<Finding[]> {
  return lintDocument(source, {
    struct: "error",
    "no-unresolved-refs": "error",
    "path-parameters-defined": "error",
    "operation-parameters-unique": "error",
  });
}
