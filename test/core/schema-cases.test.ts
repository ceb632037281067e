import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type AjvValidator, ajvValidator } from "../../src/core/ajv-validator.ts";
import { ValidationError } from "../../src/core/errors.ts";
import type { JsonSchema } from "../../src/core/json-schema.ts";
import { expectedDifference, staleDifferences } from "../expected-differences.ts";
import { req } from "../requirements/index.ts";

type Ours = "valid" | "invalid" | "invalid-schema" | "unresolvable-ref";
type Theirs = "valid" | "invalid" | "invalid-schema" | "validator-raises";

interface Case {
  readonly id: number;
  readonly tag: string;
  readonly schema: JsonSchema | null;
  readonly instance: unknown;
  readonly verdict: Theirs;
  readonly js_may_differ?: true;
}

const vectors = join(import.meta.dirname, "../vectors/neuron/schema_cases.json");
const cases = JSON.parse(readFileSync(vectors, "utf8")) as Case[];

async function verdictOn(validator: AjvValidator, { schema, instance }: Case): Promise<Ours> {
  // No schema: nothing to judge by.
  if (schema === null) return "valid";
  try {
    const compiled = await validator.compile(schema);
    return compiled.validate(instance).ok ? "valid" : "invalid";
  } catch (error) {
    expect(error).toBeInstanceOf(ValidationError);
    const { code } = error as ValidationError;
    expect(["INVALID_SCHEMA", "UNRESOLVABLE_REF"]).toContain(code);
    return code === "INVALID_SCHEMA" ? "invalid-schema" : "unresolvable-ref";
  }
}

/** The recorded validator crashes where ours refuses with a typed error, of either kind. */
function agrees(ours: Ours, theirs: Theirs): boolean {
  if (theirs === "validator-raises") return ours === "invalid-schema" || ours === "unresolvable-ref";
  return ours === theirs;
}

/** Every difference, as the lines of test/expected-differences.yaml have it, and those lines. */
async function differences(validator: AjvValidator, groups: readonly string[]) {
  const found: string[] = [];
  const listed: string[] = [];
  for (const one of cases) {
    const ours = await verdictOn(validator, one);
    if (!agrees(ours, one.verdict)) found.push(`${one.id} ${ours} ${one.verdict}`);
    for (const group of groups) {
      const difference = expectedDifference(`${group}/${one.id}`);
      if (difference !== undefined) listed.push(`${one.id} ${difference.ours} ${difference.theirs}`);
    }
  }
  return { found, listed };
}

describe("recorded verdicts", () => {
  it("are all there", () => {
    expect(cases).toHaveLength(163);
    expect(new Set(cases.map(({ id }) => id)).size).toBe(163);
  });

  const late = ["core/schema-cases"];

  it(req("core.schema.verdicts", "are ours, apart from the listed differences"), async () => {
    const { found, listed } = await differences(ajvValidator({ unresolvedRefs: "when-reached" }), late);
    expect(found).toEqual(listed);
    expect(listed).toHaveLength(3);
  });

  it("differ in one more case when references are resolved early", async () => {
    const { found, listed } = await differences(ajvValidator(), [...late, "core/schema-cases-early"]);
    expect(found).toEqual(listed);
    expect(staleDifferences("core/schema-cases")).toEqual([]);
  });

  it("do not depend on whether all issues are asked for", async () => {
    const { found, listed } = await differences(
      ajvValidator({ unresolvedRefs: "when-reached", allErrors: true }),
      late,
    );
    expect(found).toEqual(listed);
  });
});
