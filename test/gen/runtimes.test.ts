import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Document, parseDocument } from "yaml";
import config from "../../agentwire.config.ts";
import { req } from "../requirements/index.ts";

const repo = join(import.meta.dirname, "..", "..");
let root: string;
let found: { readonly file: string; readonly text: string }[];

interface Change {
  readonly spec: keyof typeof config.specs;
  readonly schema: string;
  readonly member: string;
  /** Absent: the member is removed. */
  readonly to?: string;
  /** The member in TypeScript. */
  readonly used?: string;
  /** The runtime that must not compile any more. */
  readonly runtime: string;
}

const changes: readonly Change[] = [
  { spec: "neuron", schema: "Lease", member: "leaseId", to: "leaseName", runtime: "neuron" },
  { spec: "neuron", schema: "Lease", member: "expiresAt", runtime: "neuron" },
  { spec: "4runr", schema: "PolicyLog", member: "createdAt", to: "loggedAt", runtime: "4runr" },
  { spec: "4runr", schema: "PolicyLog", member: "tool", runtime: "4runr" },
  {
    spec: "aureus/v1",
    schema: "Action",
    member: "risk_tier",
    to: "risk_level",
    used: "riskTier",
    runtime: "aureus",
  },
  {
    spec: "aureus/v1",
    schema: "GuardDecision",
    member: "requires_human_approval",
    used: "requiresHumanApproval",
    runtime: "aureus",
  },
  {
    spec: "aureus/console",
    schema: "Login",
    member: "expiresAt",
    to: "endsAt",
    runtime: "aureus",
  },
  { spec: "aureus/console", schema: "WorkflowEvent", member: "timestamp", runtime: "aureus" },
];

/** Renames or removes a required member of a schema. */
function apply(document: Document, { schema, member, to }: Change): void {
  const path = ["components", "schemas", schema];
  const data = document.toJS().components.schemas[schema] as { required: string[]; properties: object };
  const properties = Object.entries(data.properties).flatMap(([key, value]) =>
    key !== member ? [[key, value]] : to === undefined ? [] : [[to, value]],
  );
  expect(data.required).toContain(member);
  const required = data.required.map((key) => (key === member ? to : key)).filter((key) => key !== undefined);
  document.setIn([...path, "properties"], document.createNode(Object.fromEntries(properties)));
  document.setIn([...path, "required"], document.createNode(required));
}

/** The errors of the runtimes where they use generated code, each with the file below the copy that it is in. */
function compile(): typeof found {
  const { config: read } = ts.readConfigFile(join(root, "tsconfig.json"), ts.sys.readFile);
  const { options } = ts.convertCompilerOptionsFromJson(read.compilerOptions, root);
  const entries = ["neuron", "4runr", "aureus", "aureus/engine"].map((name) =>
    join(root, "src", name, "index.ts"),
  );
  const program = ts.createProgram(entries, options);
  const folders = ["neuron", "4runr", "aureus"].map((name) => join(root, "src", name));
  const users = program
    .getSourceFiles()
    .filter(
      ({ fileName, text }) => folders.some((folder) => fileName.startsWith(folder)) && text.includes("/gen/"),
    );
  return users
    .flatMap((file) => program.getSemanticDiagnostics(file))
    .map(({ file, messageText }) => ({
      file: file?.fileName.slice(root.length + 1) ?? "",
      text: ts.flattenDiagnosticMessageText(messageText, "\n"),
    }));
}

/** Errors that are there because of the changes. */
function errorsIn(runtime: string, used: string): typeof found {
  return found.filter(({ file, text }) => file.startsWith(`src/${runtime}/`) && text.includes(`'${used}'`));
}

beforeAll(async () => {
  mkdirSync(join(repo, ".cache"), { recursive: true });
  root = mkdtempSync(join(repo, ".cache", "test-runtimes-"));
  for (const name of [
    "src",
    "gen",
    "specs",
    "scripts",
    "package.json",
    "tsconfig.json",
    "agentwire.config.ts",
  ])
    cpSync(join(repo, name), join(root, name), { recursive: true });
  symlinkSync(join(repo, "node_modules"), join(root, "node_modules"));
  // The copy's own generator: its clients stand on the copy's runtime.
  const { generate } = await import(join(root, "src/generate/run.ts"));
  for (const [spec, given] of Object.entries(config.specs)) {
    if (!("openapi" in given)) continue;
    const document = parseDocument(readFileSync(join(root, given.openapi), "utf8"));
    for (const change of changes) if (change.spec === spec) apply(document, change);
    writeFileSync(join(root, given.openapi), String(document));
  }
  await generate({ root, config, names: Object.keys(config.specs).filter((name) => name !== "cap") });
  found = compile();
}, 120_000);
afterAll(() => rmSync(root, { recursive: true, force: true }));

describe("a runtime", () => {
  it.each(changes)(
    req("specs.gen.breaks", "does not compile when $member of $schema is gone from $spec"),
    ({ runtime, member, used = member }) => {
      expect(errorsIn(runtime, used).map(({ file }) => file)).not.toEqual([]);
    },
  );

  it("compiles where nothing has changed", () => {
    expect(errorsIn("neuron", "taskId")).toEqual([]);
  });
});
