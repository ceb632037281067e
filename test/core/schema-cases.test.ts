import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type AjvValidator, ajvValidator } from "../../src/core/ajv-validator.ts";
import { ValidationError } from "../../src/core/errors.ts";
import type { JsonSchema } from "../../src/core/json-schema.ts";
import { req } from "../requirements/index.ts";
import { earlyRefDifferences, type SchemaDifference, schemaDifferences } from "./schema-differences.ts";

interface Case {
  readonly id: number;
  readonly tag: string;
  readonly schema: JsonSchema | null;
  readonly instance: unknown;
  readonly verdict: SchemaDifference["theirs"];
  readonly js_may_differ?: true;
}

const vectors = join(import.meta.dirname, "../vectors/neuron/schema_cases.json");
const cases = JSON.parse(readFileSync(vectors, "utf8")) as Case[];

async function verdictOn(
  validator: AjvValidator,
  { schema, instance }: Case,
): Promise<SchemaDifference["ours"]> {
  // No schema: nothing to judge by.
  if (schema === null) return "valid";
  try {
    const compiled = await validator.compile(schema);
    return compiled.validate(instance).ok ? "valid" : "invalid";
  } catch (error) {
    expect(error).toBeInstanceOf(ValidationError);
    const { code } = error as ValidationError;
    expect(["invalid_schema", "unresolvable_ref"]).toContain(code);
    return code === "invalid_schema" ? "invalid-schema" : "unresolvable-ref";
  }
}

/** The recorded validator crashes where ours refuses with a typed error, of either kind. */
function agrees(ours: SchemaDifference["ours"], theirs: SchemaDifference["theirs"]): boolean {
  if (theirs === "validator-raises") return ours === "invalid-schema" || ours === "unresolvable-ref";
  return ours === theirs;
}

async function differences(
  validator: AjvValidator,
): Promise<Record<number, Omit<SchemaDifference, "reason">>> {
  const found: Record<number, Omit<SchemaDifference, "reason">> = {};
  for (const one of cases) {
    const ours = await verdictOn(validator, one);
    if (!agrees(ours, one.verdict)) found[one.id] = { ours, theirs: one.verdict };
  }
  return found;
}

function withoutReasons(listed: Readonly<Record<number, SchemaDifference>>): unknown {
  return Object.fromEntries(Object.entries(listed).map(([id, { ours, theirs }]) => [id, { ours, theirs }]));
}

describe("recorded verdicts", () => {
  it("are all there", () => {
    expect(cases).toHaveLength(163);
    expect(new Set(cases.map(({ id }) => id)).size).toBe(163);
  });

  it(req("core.schema.verdicts", "are ours, apart from the listed differences"), async () => {
    const validator = ajvValidator({ unresolvedRefs: "when-reached" });
    expect(await differences(validator)).toEqual(withoutReasons(schemaDifferences));
  });

  it("differ in one more case when references are resolved early", async () => {
    const all = { ...schemaDifferences, ...earlyRefDifferences };
    expect(await differences(ajvValidator())).toEqual(withoutReasons(all));
  });

  it("do not depend on whether all issues are asked for", async () => {
    const validator = ajvValidator({ unresolvedRefs: "when-reached", allErrors: true });
    expect(await differences(validator)).toEqual(withoutReasons(schemaDifferences));
  });
});
