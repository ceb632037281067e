import { errorText } from "../../core/errors.js";
import { type Finding, SpecError, throwFindings } from "../finding.js";
import { loadRedocly } from "../peers.js";
import type { Rules } from "../rules.js";
import { readSource, type Source } from "../source.js";
import { hideNames, showNames } from "./hidden-names.js";
import { pointerPath } from "./openapi.js";

/** Redocly's rules about what makes a document unusable. */
export const STRUCTURE: Rules = {
  struct: "error",
  "no-unresolved-refs": "error",
  "path-parameters-defined": "error",
  "operation-parameters-unique": "error",
};

/**
 * Lints a document in process. Each finding has the severity of its rule.
 *
 * @throws SpecError for a document that makes the linter fail.
 */
export async function lintDocument(
  root: string,
  source: Source,
  rules: Rules,
  base?: "recommended",
): Promise<Finding[]> {
  const { createConfig, lintFromString } = loadRedocly(root);
  const config = await createConfig({ ...(base && { extends: [base] }), rules: { ...rules } });
  const document = { source: hideNames(source.text), absoluteRef: source.path, config };
  const problems = await lintFromString(document).catch((error: unknown) => {
    const text = showNames(errorText(error));
    // It reads some members before it has checked their types.
    throw new SpecError([source.finding([], `Redocly cannot read the document: ${text}`)]);
  });
  return problems.map(({ message, ruleId, location, severity }) => {
    const text = showNames(message.replace(/\s*\n\s*/g, " ").trim());
    return source.finding(pointerPath(showNames(location[0]?.pointer ?? "")), `${text} (${ruleId})`, {
      rule: ruleId,
      severity: severity === "warn" ? "warning" : "error",
    });
  });
}

/**
 * Runs what works with a document. An invalid one can fail anywhere in it: the linter then says where.
 *
 * @throws SpecError instead of other errors, where the linter finds something.
 */
export async function lintedOnFailure<T>(root: string, file: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof SpecError))
      throwFindings(await lintDocument(root, readSource(root, file), STRUCTURE));
    throw error;
  }
}
