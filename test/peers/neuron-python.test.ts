/** The official holokai-neuron-sdk 0.2.0 works against our gateway, unchanged. */
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { LocalBigBrainOptions } from "../../src/testing/index.js";
import { LocalBigBrain } from "../../src/testing/index.js";
import { req } from "../requirements/index.ts";
import { describeWithPeers, neuronPython } from "./ladder.ts";
import { type Running, start } from "./processes.ts";

const NEURON = `
import asyncio, signal, sys
from holokai_neuron_sdk import Capability, Neuron

url, token = sys.argv[1], sys.argv[2]

async def echo(input, ctx):
    if isinstance(input, dict) and input.get("progress"):
        await ctx.progress(percent=25, message="first")
        await ctx.progress(percent=75.5, data={"n": None})
    return {"echo": input, "attempt": ctx.task.attempt}

async def fails(input, ctx):
    if input == "terminal":
        ctx.fail("no such thing", code="NOT_THERE")
    if input == "flaky" and ctx.task.attempt >= 2:
        return "third time"
    raise RuntimeError("try again")

async def slow(input, ctx):
    await asyncio.sleep(input)
    return "slept"

async def main():
    n = Neuron(gateway_url=url, neuron_id="py/1", auth=lambda: token, heartbeat_interval_ms=150,
               initial_reconnect_delay_ms=20, max_reconnect_delay_ms=100)
    n.register_handler(Capability(type="py/echo", scope="any", concurrency=2), echo)
    n.register_handler(Capability(type="py/fails", scope="any", concurrency=1, lease_ttl_ms=60000), fails)
    n.register_handler(Capability(type="py/slow", scope="any", concurrency=2), slow)
    n.register_handler(Capability(type="py/typed", scope="any", concurrency=1), echo,
                       input_schema={"type": "object"}, output_schema={"type": "object"})
    n.on("connection:reconnecting", lambda i: print("reconnecting", i.attempt, flush=True))
    gone = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, gone.set)
    loop.add_signal_handler(signal.SIGUSR1, lambda: asyncio.ensure_future(n.update_capability("py/echo", concurrency=5)))
    await n.start()
    await gone.wait()
    await n.stop(drain=True, timeout=10.0)
    print("stopped", flush=True)

asyncio.run(main())
`;

await describeWithPeers("LocalBigBrain and holokai-neuron-sdk 0.2.0", [neuronPython], ([python]) => {
  let brain: LocalBigBrain;
  let neuron: Running;

  async function serve(options: LocalBigBrainOptions = {}): Promise<void> {
    brain = await LocalBigBrain.start(options);
    const script = join(mkdtempSync(join(tmpdir(), "agentwire-")), "neuron.py");
    writeFileSync(script, NEURON);
    const registered = brain.until("registered");
    neuron = start(python!, [script, brain.url, "tok"]);
    await registered;
  }

  beforeEach(() => {
    neuron = undefined as unknown as Running;
  });
  afterEach(async () => {
    await neuron?.stop("SIGKILL");
    await brain.close();
  });

  it(req("neuron.gateway.python", "registers, beats, reports progress and acks"), async () => {
    await serve();
    expect(brain.registration("py/1")).toMatchObject({
      protocolVersion: "1.0.0",
      capabilities: [
        { type: "py/echo", scope: "any", concurrency: 2 },
        { type: "py/fails", leaseTtlMs: 60_000 },
        { type: "py/slow" },
        { type: "py/typed" },
      ],
    });
    const outcomes = await Promise.all([
      brain.submit({ capability: "py/echo", input: { progress: true }, taskId: "p" }),
      ...Array.from({ length: 20 }, (_, i) => brain.submit({ capability: "py/echo", input: i })),
    ]);
    expect(outcomes[0]).toMatchObject({
      status: "completed",
      output: { echo: { progress: true }, attempt: 0 },
      progress: [
        { percent: 25, message: "first" },
        { percent: 75.5, data: { n: null } },
      ],
    });
    expect(outcomes.slice(1).map((outcome) => outcome.status === "completed" && outcome.output)).toEqual(
      Array.from({ length: 20 }, (_, echo) => ({ echo, attempt: 0 })),
    );
    // A beat on its way may still name tasks that were answered meanwhile.
    const beat = brain.until("heartbeat", ({ inFlight }) => inFlight.some(({ taskId }) => taskId === "s"));
    const slow = brain.submit({ capability: "py/slow", input: 1, taskId: "s" });
    expect((await beat).inFlight).toContainEqual(expect.objectContaining({ taskId: "s" }));
    expect(await slow).toMatchObject({ output: "slept" });
    const updated = brain.until("updated");
    neuron.process.kill("SIGUSR1");
    expect((await updated).capability).toMatchObject({ type: "py/echo", concurrency: 5 });
    expect(brain.refused).toEqual([]);
  });

  it(req("neuron.gateway.python", "nacks of every kind end or repeat the task"), async () => {
    await serve();
    expect(await brain.submit({ capability: "py/fails", input: "terminal" })).toMatchObject({
      status: "failed",
      kind: "terminal",
      reason: "no such thing",
      code: "NOT_THERE",
    });
    expect(await brain.submit({ capability: "py/fails", input: "x" })).toMatchObject({
      kind: "retryable",
      reason: "try again",
      code: "HANDLER_THREW",
      attempts: 1,
    });
    const retry = { maxRetries: 3, backoffMs: 10, backoffMultiplier: 2 };
    expect(await brain.submit({ capability: "py/fails", input: "flaky", retry })).toMatchObject({
      status: "completed",
      output: "third time",
      attempts: 3,
    });
    expect(await brain.submit({ capability: "py/typed", input: 1 })).toMatchObject({
      kind: "schema-mismatch",
      code: "INPUT_SCHEMA_MISMATCH",
    });
    const outputSchema = { required: ["other"] };
    expect(await brain.submit({ capability: "py/echo", input: {}, outputSchema })).toMatchObject({
      kind: "schema-mismatch",
      code: "OUTPUT_SCHEMA_MISMATCH",
    });
    const cancelled = brain.submit({ capability: "py/slow", input: 60, taskId: "c" });
    await brain.until("heartbeat", ({ inFlight }) => inFlight.length > 0);
    brain.cancel("c", "enough");
    expect(await cancelled).toMatchObject({ status: "cancelled", reason: "enough" });
    expect(brain.leases.at(-1)?.answers).toMatchObject([{ kind: "cancelled", code: "CANCELLED" }]);
    expect(brain.refused).toEqual([]);
  });

  it(req("neuron.gateway.python", "comes back after dropped streams, a restart and a 401"), async () => {
    await serve();
    brain.faults.add(
      { kind: "status", on: "ack", status: 401, after: 1 },
      { kind: "status", on: "openEvents", status: 503, times: 2 },
    );
    for (const how of ["drop", "end"] as const) {
      const slow = brain.submit({ capability: "py/slow", input: 0.3 });
      await brain.until("heartbeat", ({ inFlight }) => inFlight.length > 0);
      const back = brain.until("registered");
      brain.dropStreams({ how });
      await back;
      expect(await slow).toMatchObject({ status: "completed", output: "slept" });
    }
    const back = brain.until("registered");
    await brain.restart({ downMs: 100 });
    await back;
    expect(await brain.submit({ capability: "py/echo", input: 1 })).toMatchObject({ status: "completed" });
    expect(neuron.output()).toContain("reconnecting 3");
    expect(brain.refused).toEqual([]);
    expect(brain.faults.pending).toBe(0);
  });

  it(
    req("neuron.gateway.python", "drains: what runs is acked, what comes is handed back, then it goes"),
    async () => {
      await serve();
      const running = brain.submit({ capability: "py/slow", input: 0.5 });
      await brain.until("heartbeat", ({ inFlight }) => inFlight.length > 0);
      neuron.process.kill("SIGTERM");
      // The SDK tells nobody that it is stopping: a lease that it hands back is the sign.
      let handedBack = false;
      const off = brain.on("answer", ({ answer }) => {
        handedBack ||= answer.type === "nack" && answer.reason === "neuron shutting down";
      });
      const late = [];
      while (!handedBack) {
        late.push(brain.submit({ capability: "py/echo", input: 2 }));
        await brain.until("answer");
      }
      off();
      expect(await running).toMatchObject({ status: "completed", output: "slept" });
      await neuron.until("stopped");
      expect(brain.stats()).toMatchObject({ open: 0, answeredTwice: 0 });
      const waiting = brain.stats().pendingTasks;
      expect(waiting).toBeGreaterThan(0);
      await brain.close();
      const ends = (await Promise.all(late)).map(({ status }) => status);
      expect(ends.filter((status) => status === "abandoned")).toHaveLength(waiting);
      expect(ends.filter((status) => status !== "abandoned" && status !== "completed")).toEqual([]);
    },
  );
});
