import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import config from "../../agentwire.config.ts";
import type { Recording } from "../../src/generate/check/recordings.ts";
import { fullSpec } from "../../src/generate/openapi/files.ts";
import { readOpenApi } from "../../src/generate/openapi/openapi.ts";
import { readAureusRecordings } from "../recordings/aureus.ts";
import { type Differences, loadDifferences } from "../recordings/differences.ts";
import { readGatewayRecordings } from "../recordings/gateway.ts";
import { judgeRecordings } from "../recordings/judge.ts";
import { readNeuronRecordings } from "../recordings/neuron.ts";
import { req } from "../requirements/index.ts";
import { makeProject, type Project, shop } from "./project.ts";

const repo = join(import.meta.dirname, "..", "..");
let project: Project;
beforeEach(() => {
  project = makeProject();
});
afterEach(() => project.remove());

/** An empty list of differences, or one with these ids. */
function differences(...ids: string[]): Differences {
  const entries = ids.map((id) => `- { id: ${id}, ours: a, theirs: b, reason: c }\n`);
  project.write("differences.yaml", entries.join("") || "[]");
  return loadDifferences(project.path("differences.yaml"));
}

function judge(
  values: readonly unknown[],
  known: Differences,
  pick: "placeOrder" | "listOrders" = "placeOrder",
) {
  const api = readOpenApi(project.root, shop.openapi);
  const operation = api.operations.find(({ id }) => id === pick)!;
  const schema = operation.request ?? operation.responses["200"];
  const recordings = values.map(
    (value, index): Recording => ({ id: `specs/shop/trace/${index}`, what: pick, value, schema }),
  );
  return judgeRecordings("shop", api, "agentwire:shop", recordings, known);
}

describe("recordings", () => {
  const order = { item_list: [{ item_id: "i" }, { item_id: "j", unit_price: 1 }] };

  it("are mutated in every required member, at any depth and in the variant that fits", () => {
    const result = judge([order], differences());
    expect(result).toMatchObject({
      findings: [],
      summary: "1 bodies and frames fit, 3 mutants refused, 0 odd ones expected",
    });
    const paid = {
      ...order,
      order_id: "o",
      order_state: "shipped",
      paid_with: { card_no: "c" },
      stock_by_site: { s: { left_over: 1 } },
    };
    expect(judge([{ order_list: [paid] }], differences(), "listOrders").summary).toContain(
      "8 mutants refused",
    );
  });

  it("that do not fit are named", () => {
    expect(judge([{ item_list: [{}] }, undefined], differences()).findings).toEqual([
      "specs/shop/trace/0: placeOrder: does not fit specs/shop/openapi.yaml",
      "specs/shop/trace/1: placeOrder: does not fit specs/shop/openapi.yaml",
    ]);
  });

  it("that fit without a required member are named, with the member", () => {
    project.editShop((document) => {
      document.setIn(["components", "schemas", "Item", "type"], ["object", "string"]);
      document.setIn(
        ["components", "schemas", "Item", "anyOf"],
        document.createNode([{ required: ["item_id"] }, {}]),
      );
      document.deleteIn(["components", "schemas", "Item", "required"]);
    });
    expect(judge([{ item_list: [{ item_id: "i" }] }], differences()).findings).toEqual([
      "specs/shop/trace/0: placeOrder: fits specs/shop/openapi.yaml also without item_list.0.item_id",
    ]);
  });

  it(req("specs.recordings.differences", "may differ where that is listed, and only there"), () => {
    expect(judge([{}], differences("specs/shop/trace/0")).findings).toEqual([]);
    const stale = judge([order], differences("specs/shop/trace/0", "specs/other/trace/0"));
    expect(stale.findings).toEqual([`${project.path("differences.yaml")}: stale entry specs/shop/trace/0`]);
  });

  it("without a schema are named", () => {
    const api = readOpenApi(project.root, shop.openapi);
    const recording: Recording = {
      id: "specs/shop/trace/0",
      what: "POST /nowhere",
      value: {},
      schema: undefined,
    };
    expect(judgeRecordings("shop", api, "agentwire:shop", [recording], differences()).findings).toEqual([
      "specs/shop/trace/0: POST /nowhere: specs/shop/openapi.yaml has no schema for it",
    ]);
  });
});

describe("the neuron recordings", () => {
  it(req("specs.recordings.fit", "fit the neuron spec, and no mutant does"), () => {
    const { openapi } = config.specs.neuron;
    const api = readOpenApi(repo, openapi);
    const read = readNeuronRecordings(repo, "test/vectors/neuron/traces", api, "specs/neuron");
    const kinds = new Set(read.map(({ what }) => what.replace(/ \d+ to .*/, "")));
    for (const path of ["register", "update-capability", "heartbeat", "ack", "nack", "progress"]) {
      expect(kinds).toContain(`POST /neuron/${path}`);
    }
    for (const type of ["registered", "lease", "cancel", "capability-revoked", "disconnect"]) {
      expect(kinds).toContain(`event of type ${type}`);
    }
    const known = loadDifferences(join(repo, "test", "expected-differences.yaml"));
    const result = judgeRecordings("neuron", api, "agentwire:neuron", read, known);
    expect(result.findings).toEqual([]);
    expect(result.summary).toMatch(/^[1-9]\d\d bodies and frames fit, [1-9]\d{2,} mutants refused/);
  });
});

describe("the recordings of the other protocols", () => {
  it.each([
    ["aureus/v1", readAureusRecordings("sdk-vs-"), "test/vectors/aureus"],
    ["aureus/console", readAureusRecordings("console-"), "test/vectors/aureus"],
    ["4runr", readGatewayRecordings, "test/vectors/4runr"],
  ] as const)("fit %s, and no mutant does", (name, read, folder) => {
    const { openapi, schemaId } = fullSpec(name, config.specs[name]);
    const api = readOpenApi(repo, openapi);
    const known = loadDifferences(join(repo, "test", "expected-differences.yaml"));
    const recordings = read(repo, folder, api, `specs/${name}`);
    const { findings, summary } = judgeRecordings(name, api, schemaId, recordings, known);
    expect(findings).toEqual([]);
    expect(summary).toMatch(/^[1-9]\d* bodies and frames fit, [1-9]\d* mutants refused/);
  });
});

describe("expected differences", () => {
  it("refuse an entry without a reason and an id that is there twice", () => {
    project.write("differences.yaml", "- { id: a, ours: x, theirs: y }\n");
    expect(() => loadDifferences(project.path("differences.yaml"))).toThrow("a: no reason");
    expect(() => differences("a", "a")).toThrow("a stands there twice");
  });
});
