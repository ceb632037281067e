/** Figures of fault runs in the documents are what the command beside them runs. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { WHOLE } from "../faults/sizes.ts";

const root = join(import.meta.dirname, "../..");
const read = (path: string) => readFileSync(join(root, path), "utf8");
const count = (number: number) => number.toLocaleString("en-US");

describe("figures of the fault runs", () => {
  it("the command makes the whole runs", () => {
    expect(JSON.parse(read("package.json")).scripts["test:faults"]).toBe("tsx test/faults/main.ts");
    expect(read("test/faults/main.ts")).toContain('AGENTWIRE_FAULTS: "full"');
  });

  it("JetStream: as many jobs, restarts and kills as the guide says", () => {
    const { jobs, restarts, kills } = WHOLE.jetStream;
    const run = `${count(jobs)} jobs, restarts the server ${restarts} times and kills a worker ${kills} times.`;
    expect(read("docs/cap-delivery.md").replace(/\s+/g, " ")).toContain(`\`pnpm test:faults\` runs ${run}`);
  });

  it("neuron: as many tasks as the README says", () => {
    const { tasks, seeds } = WHOLE.neuron;
    const row = read("README.md")
      .split("\n")
      .find((line) => line.startsWith("| neuron gateway under faults |"));
    expect(row).toContain(`| ${seeds.length} x ${count(tasks)} tasks:`);
    expect(row).toContain("`pnpm test:faults`");
  });
});
