import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { run } from "../cli/cli.ts";

const modules = join(import.meta.dirname, "../../node_modules");
const billing = `openapi: 3.1.0
info: { title: Billing, version: 1.0.0 }
servers: [{ url: https://billing.example.test/v1 }]
paths:
  /bills/{id}:
    get:
      operationId: getBill
      parameters: [{ name: id, in: path, required: true, schema: { type: string } }]
      responses:
        "200": { description: ok, content: { application/json: { schema: { $ref: "#/components/schemas/Bill" } } } }
components:
  schemas:
    Bill:
      type: object
      properties:
        total: { type: integer }
        note: { type: string }
`;

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "agentwire-command-"));
  write("billing.yaml", billing);
  vi.spyOn(process, "cwd").mockReturnValue(root);
});
afterEach(() => {
  vi.restoreAllMocks();
  rmSync(root, { recursive: true, force: true });
});

function write(file: string, text: string): void {
  mkdirSync(dirname(join(root, file)), { recursive: true });
  writeFileSync(join(root, file), text);
}

/** A project with the packages of this one, and a config for the document. */
function project(more: object = {}): void {
  symlinkSync(modules, join(root, "node_modules"));
  configure(more);
}

function configure(more: object): void {
  const specs = { billing: { openapi: "billing.yaml", out: "gen", ...more } };
  write("agentwire.config.json", JSON.stringify({ specs }));
}

/** The command, in the folder of the project. */
const agentwire = (args: string, env: Record<string, string> = {}) => run(args.split(" "), { env });

/** All files of the project with their texts. */
function snapshot(): Record<string, string> {
  const files = readdirSync(root, { recursive: true, withFileTypes: true }).filter((file) => file.isFile());
  return Object.fromEntries(
    files.map(({ parentPath, name }) => [
      join(parentPath, name),
      readFileSync(join(parentPath, name), "utf8"),
    ]),
  );
}

/** A command that cannot do its work says why, ends with 2, and writes nothing. */
async function expectRefusal(args: string, text: string | RegExp) {
  const before = snapshot();
  const { code, err } = await agentwire(args);
  expect(err).toMatch(text);
  expect(code).toBe(2);
  expect(snapshot()).toEqual(before);
}

describe("a package that is missing", () => {
  it("is named with the command that installs it", async () => {
    await expectRefusal(
      "gen billing.yaml",
      "typescript is not installed: npm i -D openapi-typescript typescript",
    );
    await expectRefusal("gen billing.yaml --json", /^$/);
    mkdirSync(join(root, "node_modules"));
    symlinkSync(join(modules, "typescript"), join(root, "node_modules/typescript"));
    await expectRefusal(
      "gen billing.yaml",
      "openapi-typescript is not installed: npm i -D openapi-typescript",
    );
    write("proto/a.proto", 'syntax = "proto3";\n');
    write("agentwire.config.json", JSON.stringify({ specs: { bus: { proto: "proto", out: "gen" } } }));
    const install = "buf is not installed: npm i -D @bufbuild/buf @bufbuild/protoc-gen-es";
    vi.stubEnv("PATH", "/nowhere");
    try {
      await expectRefusal("gen", install);
      await expectRefusal("check", install);
    } finally {
      vi.unstubAllEnvs();
    }
  });
});

describe("exit codes", () => {
  it("are 0 and 1 for what holds and what does not, with annotations and JSON", async () => {
    project({ recordings: "traffic/*.har" });
    const traffic = (...entries: object[]) => write("traffic/a.har", JSON.stringify({ log: { entries } }));
    const entry = (origin: string, body: object) => ({
      request: { method: "GET", url: `${origin}/bills/b1` },
      response: { status: 200, content: { mimeType: "application/json", text: JSON.stringify(body) } },
    });
    const own = "https://billing.example.test/v1";
    traffic(entry(own, { total: 1 }), entry("https://ads.example.test", { total: "none" }));
    expect(await agentwire("gen")).toMatchObject({ code: 0, out: expect.stringMatching(/^5 files in /) });
    expect((await agentwire("gen --check")).code).toBe(0);
    expect((await agentwire("check --update-baseline")).out).toBe(
      "billing.baseline.yaml is the new baseline\n",
    );
    expect(await agentwire("check")).toMatchObject({
      code: 0,
      err: expect.stringContaining("1 bodies and events"),
    });

    traffic(entry(own, { total: "none" }));
    const recording = await agentwire("check --json");
    expect(recording).toMatchObject({ code: 1, err: "" });
    expect(JSON.parse(recording.out)).toMatchObject({
      ok: false,
      command: "check",
      result: {
        findings: [
          { kind: "recording", spec: "billing", severity: "error", file: "billing.yaml", line: 10, count: 1 },
        ],
      },
    });
    traffic(entry(own, { total: 1 }));

    write("billing.yaml", billing.replace("        total: { type: integer }\n", ""));
    write("gen/left.ts", readFileSync(join(root, "gen/models.ts"), "utf8"));
    const drift = await agentwire("gen --check");
    expect(drift).toMatchObject({ code: 1, out: "" });
    expect(drift.err).toMatch(
      /^stale: gen\/client\.ts\n[\s\S]*orphaned: gen\/left\.ts\n.*run `agentwire gen`\n$/,
    );
    const broken = await agentwire("check", { GITHUB_ACTIONS: "true" });
    expect(broken.code).toBe(1);
    expect(broken.out).toMatch(/^::error file=billing\.yaml,line=1\d,col=\d+,title=breaking::.*total/m);
    expect(broken.err).toMatch(/FAIL breaking billing: .*\n {2}billing\.yaml:1\d:\d+: .*total/);
  });
});

describe("what cannot be generated", () => {
  it("is said once, at its line, and leaves the output as it was", async () => {
    project();
    expect((await agentwire("gen")).code).toBe(0);
    write("billing.yaml", billing.replace("title: Billing,", "title: Billing: two,"));
    await expectRefusal("gen", /^ *billing\.yaml:2:\d+: [^\n]*\n$/);
    const json = await agentwire("gen --json", { GITHUB_ACTIONS: "true" });
    expect(JSON.parse(json.out)).toMatchObject({
      ok: false,
      result: {
        findings: [{ kind: "document", severity: "error", file: "billing.yaml", line: 2, count: 1 }],
      },
    });
    write("billing.yaml", billing.replace("schemas/Bill", "schemas/Bills"));
    await expectRefusal("gen", /billing\.yaml:10:\d+: #\/components\/schemas\/Bills does not exist\n$/);
    await expectRefusal("check", "Bills does not exist");
    expect((await agentwire("gen", { GITHUB_ACTIONS: "true" })).out).toMatch(
      /^::error file=billing\.yaml,line=10,/,
    );

    write("billing.yaml", billing);
    configure({ include: { operations: ["getBills"] }, rename: { operations: { oldBill: "bill" } } });
    await expectRefusal(
      "gen",
      /billing\.yaml:\d+:\d+: rename\.operations of the config names oldBill: there is no such/,
    );
    await expectRefusal(
      "gen",
      /include\.operations of the config names getBills: there is no such operation/,
    );
    configure({ operationGroups: { some: ["getBills"] } });
    await expectRefusal("gen", /getBills/);
    configure({ outs: "x" });
    await expectRefusal("gen", /agentwire\.config\.json: specs\.billing\.outs is not known/);
    configure({ style: "function" });
    await expectRefusal("gen", /specs\.billing\.style must be one of class, functions/);
    configure({ openapi: undefined });
    await expectRefusal("gen", /specs\.billing must be a spec with one of openapi, proto and tools/);
    configure({});
    await expectRefusal("gen shop", "no spec is called shop; known: billing");
    write("gen/own.ts", "export {};\n");
    await expectRefusal("gen", "gen/own.ts was not generated by agentwire");
  });
});
