import { cpSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type CheckResult, checkSpecs, updateBaselines } from "../../src/generate/check/check.ts";
import { checkLint } from "../../src/generate/check/lint.ts";
import { formatFinding } from "../../src/generate/finding.ts";
import { readOpenApi } from "../../src/generate/openapi/openapi.ts";
import { runBuf } from "../../src/generate/proto/buf.ts";
import { RuleBook } from "../../src/generate/rules.ts";
import { req } from "../requirements/index.ts";
import { makeProject, type Project, shop, shopAndBus, shopOnly } from "./project.ts";

let project: Project;
beforeEach(() => {
  project = makeProject();
  cpSync(project.path(shop.openapi), project.path("specs/shop/baseline.yaml"));
});
afterEach(() => project.remove());

const textOf = ({ findings }: CheckResult) => findings.map(formatFinding).join();

describe("specs:check", () => {
  it("passes on sound specs, one result for each check", async () => {
    await runBuf(project.root, ["build", "-o", "specs/bus/baseline.binpb"]);
    const results = await checkSpecs({ root: project.root, config: shopAndBus });
    expect(results.map(({ name, findings }) => [name, findings])).toEqual([
      ["buf lint bus", []],
      ["buf format bus", []],
      ["buf breaking bus", []],
      ["tables bus", []],
      ["lint shop", []],
      ["breaking shop", []],
    ]);
    expect(results.at(-2)?.summary).toBe("specs/shop/openapi.yaml: 4 operations, 8 schemas");
  });

  it(req("specs.breaking.proto", "names a field whose number changed, and an unformatted file"), async () => {
    await runBuf(project.root, ["build", "-o", "specs/bus/baseline.binpb"]);
    project.edit("specs/bus/bus/v1/packet.proto", "int32 count = 1;", "int32  count = 2;");
    const results = await checkSpecs({ root: project.root, config: shopAndBus });
    const found = Object.fromEntries(results.map((result) => [result.name, textOf(result)]));
    expect(found["buf breaking bus"]).toMatch(/specs\/bus\/bus\/v1\/packet\.proto:\d+:\d+:.*"1".*"count"/);
    expect(found["buf format bus"]).toContain("-  int32  count = 2;");
    expect(found["buf lint bus"]).toBe("");
  });

  it("lets a break of a proto pass that was accepted with a reason, until it is none any more", async () => {
    const options = { root: project.root, config: shopAndBus };
    const breaks = async () => {
      const results = await checkSpecs(options);
      return results.find(({ name }) => name === "buf breaking bus")!.findings.map(formatFinding);
    };
    expect(await updateBaselines({ ...options, names: ["bus"] })).toEqual(["specs/bus/baseline.binpb"]);
    expect(await breaks()).toEqual([]);
    project.edit("specs/bus/bus/v1/packet.proto", "int32 count = 1;", "string count = 1;");
    const found = await breaks();
    const [, key = ""] = /breaking: .* \((\w+ specs\/.*)\)$/.exec(found.join()) ?? [];
    expect(found).toEqual([
      expect.stringMatching(/^specs\/bus\/bus\/v1\/packet\.proto:20:3: breaking: .*from "int32" to "string"/),
    ]);
    const [action = "", ...rest] = key.split(" ");
    const entry = { action, path: rest.join(" "), reason: "" };
    const accept = (reason: string) =>
      project.write("specs/bus/accepted-breaks.yaml", JSON.stringify([{ ...entry, reason }]));
    accept("");
    expect(await breaks()).toEqual([
      expect.stringMatching(/^specs\/bus\/accepted-breaks\.yaml:1:2: .* has no reason$/),
    ]);
    accept("nobody reads it");
    expect(await breaks()).toEqual([]);
    await updateBaselines(options);
    expect(await breaks()).toEqual([expect.stringContaining("stale: ")]);
  });

  it("reads the tables beside the protos", async () => {
    await updateBaselines({ root: project.root, config: shopAndBus, names: ["bus"] });
    project.edit("specs/bus/subjects.yaml", "payload: ping\n    reply", "payload: pinged\n    reply");
    const results = await checkSpecs({ root: project.root, config: shopAndBus });
    expect(results.find(({ name }) => name === "tables bus")?.findings.map(formatFinding)).toEqual([
      "specs/bus/subjects.yaml:6:5: subjects.ping.payload must be one of ping, pongBack, any",
    ]);
  });

  it("reports a document that cannot be read as one finding, and that it was not checked", async () => {
    project.edit(shop.openapi, "openapi: 3.1.0", "openapi: [");
    const results = await checkSpecs({ root: project.root, config: shopOnly });
    expect(results).toMatchObject([
      {
        name: "read shop",
        summary: shop.openapi,
        findings: [{ file: shop.openapi }],
        failure: expect.stringMatching(/^specs\/shop\/openapi\.yaml:\d+:\d+: /),
      },
    ]);
  });

  it("reports a missing baseline", async () => {
    const config = { specs: { shop: { ...shop, baseline: "specs/shop/none.yaml" } } };
    const results = await checkSpecs({ root: project.root, config });
    expect(results.at(-1)?.failure).toBe("specs/shop/none.yaml:1:1: cannot be read");
  });

  it("takes a document as the new baseline only when told to", async () => {
    project.edit(shop.openapi, "The orders of a customer.", "Orders.");
    const options = { root: project.root, config: shopOnly };
    expect(await updateBaselines({ ...options, names: ["shop"] })).toEqual(["specs/shop/baseline.yaml"]);
    expect(readFileSync(project.path("specs/shop/baseline.yaml"), "utf8")).toBe(project.read(shop.openapi));
    await expect(updateBaselines({ ...options, names: ["shops"] })).rejects.toThrow(
      "no spec is called shops; known: shop",
    );
  });
});

describe("lint", () => {
  const findings = async () =>
    (
      await checkLint(project.root, "shop", readOpenApi(project.root, shop.openapi), new RuleBook("house"))
    ).findings.map(formatFinding);

  it(
    req("specs.lint.redocly", "counts warnings and errors of the recommended rules, with file and line"),
    async () => {
      project.edit(shop.openapi, "      summary: Buy something.\n", "");
      project.edit(shop.openapi, '        "4XX": { $ref: "#/components/responses/Problem" }\n', "");
      expect(await findings()).toEqual([
        expect.stringMatching(/^specs\/shop\/openapi\.yaml:\d+:\d+: .*\(operation-4xx-response\)$/),
        expect.stringMatching(/^specs\/shop\/openapi\.yaml:\d+:\d+: .*\(operation-summary\)$/),
      ]);
    },
  );

  it("applies our own rules", async () => {
    project.editShop((document) => document.setIn(["components", "schemas", "Item", "x-secret"], true));
    expect(await findings()).toEqual([expect.stringMatching(/:\d+:\d+: unknown extension x-secret$/)]);
  });

  it("takes names that begin with x- for names", async () => {
    project.editShop((document) => {
      document.setIn(
        ["components", "schemas", "Item", "properties", "x-rate"],
        document.createNode({ type: "number" }),
      );
      document.setIn(["components", "schemas", "Item", "example"], document.createNode({ "x-any": 1 }));
    });
    expect((await findings()).filter((text) => text.includes("extension"))).toEqual([]);
  });
});

describe("the specs of this package", () => {
  it("are all configured with files that exist", async () => {
    const root = join(import.meta.dirname, "..", "..");
    const { default: config } = await import("../../agentwire.config.ts");
    for (const spec of Object.values(config.specs))
      if ("openapi" in spec) expect(readOpenApi(root, spec.openapi).operations.length).toBeGreaterThan(0);
  });
});
