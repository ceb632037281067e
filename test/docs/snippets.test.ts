/** Every block of TypeScript in the README and the guides is an example or a program of its own, and runs. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { allDocuments } from "./documents.ts";
import { printed } from "./programs.ts";
import { snippetsOf, typeErrors, writeSnippets, wrongExamples } from "./snippets.ts";

const root = join(import.meta.dirname, "../..");

/** Examples that want a peer, a signal or a look at more than their output: which test runs them. */
const RUN_BY: Readonly<Record<string, string>> = {
  "examples/cap-nats/main.ts": "test/peers/cap-nats-example.test.ts",
  "examples/cap-agent/main.ts": "test/peers/cap-agent.test.ts",
  "examples/cap-delivery/main.ts": "test/peers/cap-delivery-example.test.ts",
  "examples/neuron-mcp-bridge/main.ts": "test/neuron/examples.test.ts",
  "examples/aureus-crv/main.ts": "test/aureus/examples.test.ts",
  "examples/neuron-auth/main.ts": "test/neuron/auth-example.test.ts",
  "examples/neuron-http-fetch/main.ts": "test/neuron/examples.test.ts",
  "examples/testing/greet.test.ts": "test/docs/examples.test.ts",
  "examples/neuron-progress-cancel/capability.ts": "test/neuron/examples.test.ts",
};

const documents = allDocuments(root);
const snippets = snippetsOf(documents);
const project = writeSnippets(root, snippets);
const elsewhere = snippets.filter(({ example }) => example !== undefined && RUN_BY[example] !== undefined);
const here = snippets.filter((snippet) => !elsewhere.includes(snippet) && snippet.notRun === undefined);

describe("snippets", () => {
  it("are the examples they name, letter for letter", () => {
    expect(wrongExamples(root, snippets)).toEqual([]);
  });

  it("compile, if they are no examples", { timeout: 600_000 }, () => {
    expect(typeErrors(root, project)).toEqual([]);
  });

  it.each(here)("$where runs and prints what is shown", { timeout: 180_000 }, async ({ file, output }) => {
    const text = await printed(file);
    if (output !== undefined) expect(text).toBe(output);
  });

  it("that run elsewhere do", () => {
    for (const { example } of elsewhere) {
      const test = RUN_BY[example!]!;
      const folder = example!.split("/")[1]!;
      expect(existsSync(join(root, test))).toBe(true);
      expect(readFileSync(join(root, test), "utf8")).toContain(
        folder.replace(/^neuron-(?=http|progress)/, ""),
      );
    }
    const named = elsewhere.map(({ example }) => example!);
    expect(Object.keys(RUN_BY).filter((example) => !named.includes(example))).toEqual([]);
  });

  it("are counted", () => {
    const run = here.length + elsewhere.length;
    process.stdout.write(`snippets run: ${run} of ${snippets.length}\n`);
    expect(snippets.length - run).toBe(snippets.filter(({ notRun }) => notRun !== undefined).length);
  });
});

describe("README", () => {
  it("shows only examples, and what each prints", () => {
    const own = snippets.filter(({ where }) => where.startsWith("README.md"));
    expect(own.length).toBeGreaterThan(0);
    expect(own.filter(({ example, output }) => example === undefined || output === undefined)).toEqual([]);
  });
});
