import { describe, expect, it } from "vitest";
import { ProtocolError } from "../../src/core/errors.js";
import { req } from "../requirements/index.ts";
import { runTckAdapter } from "./adapter.ts";
import { TCK_CASES } from "./cases.ts";
import { MAX_LINE_BYTES } from "./lines.ts";
import { runLine, runTck, WORKER_CASES } from "./runner.ts";
import { verdict } from "./verdict.ts";

const hello = JSON.stringify({ type: "hello" });
const bye = JSON.stringify({ type: "bye" });

/** Speaks to an adapter in this process, in chunks of any size. */
async function speak(lines: readonly (string | Uint8Array)[]) {
  const said: Record<string, unknown>[] = [];
  async function* input() {
    yield* lines;
  }
  const output = { write: (line: string) => said.push(JSON.parse(line) as Record<string, unknown>) };
  const summary = await runTckAdapter({ input: input(), output }).catch((error: unknown) => error as Error);
  return { said, summary };
}

describe("over the streams of a process", () => {
  it(req("cap.tck.worker", "all cases of the role worker pass"), async () => {
    expect(WORKER_CASES).toHaveLength(17);
    expect(Object.keys(TCK_CASES).sort()).toEqual([...WORKER_CASES].sort());
    const run = await runTck([hello, ...WORKER_CASES.map((id) => runLine(id)), bye]);
    const [handshake, ...results] = run.messages;
    expect(handshake).toMatchObject({
      type: "handshake",
      protocolVersion: 1,
      role: "worker",
      transport: "memory",
    });
    expect(Object.keys(handshake!).sort()).toEqual(
      ["features", "profiles", "protocolVersion", "role", "sdk", "transport", "type"].sort(),
    );
    expect(
      results.map(({ id, status, detail }) => `${id} ${status} ${status === "PASS" ? "" : detail}`),
    ).toEqual(WORKER_CASES.map((id) => `${id} PASS `));
    for (const result of results) {
      expect(Object.keys(result).sort()).toEqual(["detail", "evidence", "id", "status", "type"]);
    }
    expect(run.longestLine).toBeLessThanOrEqual(MAX_LINE_BYTES);
    expect([run.exitCode, run.errors]).toEqual([0, ""]);
    process.stdout.write(`TCK worker cases passed: ${results.length} / ${WORKER_CASES.length}\n`);
  });

  it(req("cap.tck.adapter", "a line that is too long ends it with exit code 1"), async () => {
    const run = await runTck([hello, runLine("x", { params: { text: "x".repeat(MAX_LINE_BYTES) } }), bye]);
    expect(run.messages.map(({ type }) => type)).toEqual(["handshake"]);
    expect(run.exitCode).toBe(1);
    expect(run.errors).toContain("longer than 1048576 bytes");
  });
});

describe("the adapter", () => {
  it(req("cap.tck.adapter", "refuses unknown fields, and goes on with the next run"), async () => {
    const { said, summary } = await speak([
      `${hello}\n${runLine("malformed/empty-envelope", { extra: 1 })}\n`,
      `${runLine("no/such-case")}\n${runLine("run-1", { scenario: "malformed/empty-envelope" })}\n`,
      `${runLine("r", { params: [] })}\n${runLine("toString")}\n${bye}\n${runLine("after")}\n`,
    ]);
    expect(said.slice(1).map(({ id, status }) => [id, status])).toEqual([
      ["malformed/empty-envelope", "ERROR"],
      ["no/such-case", "UNSUPPORTED"],
      ["run-1", "PASS"],
      ["r", "ERROR"],
      ["toString", "UNSUPPORTED"],
    ]);
    expect(said[1]!.detail).toContain("unknown fields: extra");
    expect(summary).toEqual({ passed: 1, total: 5 });
  });

  it.each([
    ["not JSON", "{"],
    ["a list", "[]"],
    ["null", "null"],
    ["another type", '{"type":"constructor"}'],
    ["no type", "{}"],
    ["unknown fields in hello", '{"type":"hello","x":1}'],
    ["another version", '{"type":"hello","protocolVersion":2}'],
    ["a run without an id", '{"type":"run","scenario":"x"}'],
    ["a second hello", `${hello}\n${hello}`],
  ])("%s ends it", async (_, line) => {
    const { summary, said } = await speak([`${line}\n${runLine("malformed/empty-envelope")}\n`]);
    expect(summary).toBeInstanceOf(ProtocolError);
    expect(said.filter(({ type }) => type === "result")).toEqual([]);
  });

  it("a run before hello is an ERROR, and the end of the input is an end", async () => {
    const { said, summary } = await speak([runLine("malformed/empty-envelope")]);
    expect(said).toMatchObject([{ status: "ERROR" }]);
    expect(summary).toEqual({ passed: 0, total: 1 });
  });

  it("takes its input in pieces of any size, and refuses what is not UTF-8", async () => {
    const bytes = new TextEncoder().encode(`${hello}\n\n${runLine("no/é")}\n${bye}`);
    const { said } = await speak(Array.from(bytes, (byte) => Uint8Array.of(byte)));
    expect(said.map(({ type, id }) => id ?? type)).toEqual(["handshake", "no/é"]);
    const { summary } = await speak([Uint8Array.of(0xff, 0x0a)]);
    expect(summary).toBeInstanceOf(ProtocolError);
  });

  it("a check that does not hold fails its case, by name", () => {
    expect(verdict("fine", { a: true, b: false }, { n: 1 })).toEqual({
      passed: false,
      detail: "does not hold: b",
      evidence: { n: 1, checks: ["a", "b"] },
    });
  });
});
