/** Objects of named enums: those that are committed equal their specs, and what the emitter does with odd values. */
import { join } from "node:path";
import ts from "typescript";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import * as consoleEnums from "../../gen/aureus/console/enums.ts";
import * as v1Enums from "../../gen/aureus/v1/enums.ts";
import * as neuronEnums from "../../gen/neuron/enums.ts";
import * as aureus from "../../src/aureus/index.ts";
import { emitEnums, enumExports } from "../../src/generate/openapi/enums.ts";
import { readModels } from "../../src/generate/openapi/models.ts";
import { asRecord, type OpenApi, readOpenApi } from "../../src/generate/openapi/openapi.ts";
import { makeProject, type Project } from "./project.ts";

const root = join(import.meta.dirname, "../..");

const modelsOf = (api: OpenApi) => readModels(api, { client: "Client" });

/** Names and values of the enums among the component schemas, straight from the document. */
function enumsOf(file: string): [string, unknown[]][] {
  const { components } = readOpenApi(root, file).source.data as { components: { schemas: object } };
  return Object.entries(components.schemas).flatMap(([name, schema]): [string, unknown[]][] => {
    const { enum: values } = asRecord(schema);
    return Array.isArray(values) ? [[name, values]] : [];
  });
}

it.each([
  ["specs/aureus/v1.yaml", v1Enums, 10],
  ["specs/aureus/console.yaml", consoleEnums, 14],
  ["specs/neuron/openapi.yaml", neuronEnums, 1],
])("the objects of %s hold the values of its enums", (file, generated, count) => {
  const specified = enumsOf(file);
  expect(specified).toHaveLength(count);
  const values = Object.entries(generated).map(([name, object]) => [name, Object.values(object)]);
  expect(Object.fromEntries(values)).toEqual(Object.fromEntries(specified));
});

describe("agentwire/aureus", () => {
  const names = [
    ...["RiskTier", "PolicyRiskTier", "Intent", "DataZone", "TaskType", "SandboxType"],
    ...["FailureTaxonomy", "GoalGuardState", "TelemetryEventType"],
  ];
  const specified = Object.fromEntries(enumsOf("specs/aureus/v1.yaml"));

  it.each(names)("exports %s, keyed by its values in UPPER_SNAKE", (name) => {
    const object = (aureus as Readonly<Record<string, unknown>>)[name];
    expect(object).toEqual(
      Object.fromEntries(specified[name]!.map((value) => [String(value).toUpperCase(), value])),
    );
  });

  it("has types of the same names, which members of models take", () => {
    const type: aureus.TelemetryEventType = aureus.TelemetryEventType.STEP_START;
    const event: aureus.TelemetryEvent = { type, timestamp: "2026-01-01T00:00:00Z", data: {} };
    // @ts-expect-error: a tier of a policy is lower case
    const tier: aureus.PolicyRiskTier = aureus.RiskTier.HIGH;
    // An enum that can be read holds values that are not known yet.
    const failure: aureus.FailureTaxonomy = "A_NEW_ONE";
    expect([event.type, tier, failure]).toEqual(["step_start", "HIGH", "A_NEW_ONE"]);
  });
});

describe("the emitter", () => {
  let project: Project;
  beforeEach(() => {
    project = makeProject();
  });
  afterEach(() => project.remove());

  /** The shop with further component schemas. */
  function withSchemas(schemas: Readonly<Record<string, unknown>>): OpenApi {
    project.editShop((document) => {
      for (const [name, schema] of Object.entries(schemas))
        document.setIn(["components", "schemas", name], document.createNode(schema));
    });
    return readOpenApi(project.root, "specs/shop/openapi.yaml");
  }

  /** The objects of a generated file. */
  function evaluate(text: string): Record<string, unknown> {
    const { outputText } = ts.transpileModule(text, {
      compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.CommonJS },
    });
    const exports: Record<string, unknown> = {};
    new Function("exports", outputText)(exports);
    return exports;
  }

  it("writes no file for a document without named enums", () => {
    expect(emitEnums(withSchemas({}), modelsOf(withSchemas({})))).toBeUndefined();
  });

  it("makes a key of every value, whatever is in it", () => {
    const api = withSchemas({
      Plain: { type: "string", enum: ["in_progress", "smart-glasses", "dryRun", "1.0.0", "v2 beta"] },
      Same: { enum: ["low", "LOW", "high"] },
      Empty: { enum: ["", "*", "a"] },
      Odd: { enum: ["__proto__", '"', "*/"], description: "What */ ends." },
    });
    const text = emitEnums(api, modelsOf(api))!;
    expect(text).toContain('import type * as models from "./models.js";');
    expect(text).toContain("export type Plain = models.Plain;");
    expect(evaluate(text)).toEqual({
      Plain: {
        ...{ IN_PROGRESS: "in_progress", SMART_GLASSES: "smart-glasses", DRY_RUN: "dryRun" },
        ...{ "1_0_0": "1.0.0", V2_BETA: "v2 beta" },
      },
      Same: { low: "low", LOW: "LOW", high: "high" },
      Empty: { "": "", "*": "*", a: "a" },
      Odd: JSON.parse('{"__proto__": "__proto__", "\\"": "\\"", "*/": "*/"}'),
    });
  });

  it("leaves out what is no enum of strings, under the name that its model has", () => {
    const api = withSchemas({
      Good: { enum: ["a"] },
      Mixed: { enum: ["a", null] },
      Numbers: { enum: [1, 2] },
      UserData: { enum: ["a"], "x-opaque": true },
      "not-a-name": { enum: ["a"] },
    });
    expect(enumExports(api, modelsOf(api))).toBe('export { Good, NotAName } from "./enums.js";\n');
  });
});
