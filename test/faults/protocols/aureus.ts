/** Workflows, reads and telemetry of a server that fails, with a spool file on a disk that fills up. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { AureusClient, TaskType, Telemetry, type WorkflowSpec } from "../../../src/aureus/index.js";
import { AgentwireError } from "../../../src/core/errors.js";
import { LocalAureus } from "../../../src/testing/index.js";
import { fillDisk } from "../full-disk.ts";
import { startProxy } from "../proxy.ts";
import { between } from "../random.ts";
import { JumpingClock, type Protocol } from "../script.ts";
import { httpFaults, RetryTimes } from "./http.ts";

const workflow = (id: string): WorkflowSpec => ({
  id,
  name: id,
  tasks: [{ id: "t", name: "t", type: TaskType.ACTION, inputs: { of: id }, toolName: "count" }],
  dependencies: {},
});

export const aureus: Protocol = {
  name: "aureus",
  async open(_, cleanups) {
    const folder = mkdtempSync(join(tmpdir(), "agentwire-spool-"));
    cleanups.push(() => rmSync(folder, { recursive: true }));
    const clock = new JumpingClock();
    const runs = new Map<string, number>();
    const times = new RetryTimes();
    const server = await LocalAureus.start({
      logger: false,
      tools: {
        count: ({ of }) => {
          runs.set(String(of), (runs.get(String(of)) ?? 0) + 1);
          return { of };
        },
      },
    });
    cleanups.push(() => server.close());
    const link = await startProxy(Number(new URL(server.url).port));
    cleanups.push(() => link.stop());
    const client = new AureusClient({
      baseUrl: `http://127.0.0.1:${link.port}`,
      clock,
      timeoutMs: 5_000,
      retry: { attempts: 4, minDelayMs: 5, maxDelayMs: 50 },
      middleware: [
        (next) => async (call) => {
          const id = call.headers["x-call"] ?? "";
          if (call.attempt > 1) times.sent(id);
          const answer = await next(call);
          const asked = answer.headers.get("retry-after");
          if (asked !== null && id !== "") times.asked(id, Number(asked) * 1_000);
          return answer;
        },
      ],
      logger: false,
    });
    cleanups.push(() => client.close());

    const broken = { wrong: 0, untyped: 0, deniedButDone: 0, lost: 0 };
    const counts = { succeeded: 0, failed: 0, reported: 0, reportedLost: 0 };
    const reported = new Set<string>();
    const lost = new Set<string>();
    const record = () => {
      const telemetry = new Telemetry({
        sink: client,
        clock,
        graceMs: 100,
        flushSize: 10,
        flushIntervalMs: 20,
        retry: { attempts: 2, minDelayMs: 5, maxDelayMs: 20 },
        spoolFile: join(folder, "spool.ndjson"),
        logger: false,
      });
      telemetry.on("loss", ({ item }) => {
        if (item.kind === "metric") lost.add(item.value.name);
      });
      return telemetry;
    };
    let telemetry: Telemetry | undefined = record();
    cleanups.push(() => telemetry?.close());
    /** What the program has yet to record when it has started again. */
    const late: string[] = [];
    const report = (name: string) => void (telemetry?.metric(name, 1) ?? late.push(name));
    const failed = async (error: unknown, wasDone: boolean) => {
      counts.failed++;
      if (!(error instanceof AgentwireError)) broken.untyped++;
      else if (error.sent === false && wasDone) broken.deniedButDone++;
      await pause(10); // a server that is down must not use up all the work
    };
    /** As a program that ends and starts again. */
    const restartProgram = async () => {
      const ending = telemetry;
      telemetry = undefined;
      await ending?.close();
      telemetry = record();
      late.splice(0).forEach(report);
    };

    return {
      faults: {
        ...httpFaults(server, link, clock),
        "disk is full": async (random) => {
          const makeRoom = fillDisk(folder);
          await pause(between(random, 1, 300));
          makeRoom();
        },
        "program restarts": restartProgram,
        "program restarts, disk full": async () => {
          const makeRoom = fillDisk(folder);
          await restartProgram();
          makeRoom();
        },
      },
      async work(n, random) {
        const name = `metric ${n}`;
        reported.add(name);
        report(name);
        const id = `w ${n}`;
        if (random() < 0.5)
          await client.executeWorkflow(workflow(id), { headers: { "x-call": id } }).then(
            ({ workflowId }) => {
              counts.succeeded++;
              if (workflowId !== id) broken.wrong++;
              if (!runs.has(id)) broken.lost++;
            },
            (error: unknown) => failed(error, runs.has(id)),
          );
        else
          await client.getMetrics({ metricName: "none", headers: { "x-call": id } }).then(
            (metrics) => {
              counts.succeeded++;
              if (metrics.length > 0) broken.wrong++;
            },
            (error: unknown) => failed(error, false),
          );
      },
      async stop(n, random) {
        const one = new AureusClient({ baseUrl: `http://127.0.0.1:${link.port}`, logger: false });
        const own = new Telemetry({ sink: one, graceMs: between(random, 0, 20), logger: false });
        for (let i = 0; i < 5; i++) own.metric(`stop ${n}`, i);
        const aborting = new AbortController();
        const { signal } = aborting;
        const calls = [one.executeWorkflow(workflow(`stop ${n}`), { signal }), one.getMetrics(), own.flush()];
        const settled = calls.map((call) =>
          Promise.resolve(call).then(
            () => {},
            () => {},
          ),
        );
        await pause(between(random, 0, 8));
        if (random() < 0.5) aborting.abort();
        if (random() < 0.5) await own.close();
        await Promise.all([one.close({ graceMs: between(random, 0, 20) }), own.close()]);
        return settled;
      },
      async verdict() {
        server.faults.clear();
        await pause(500); // the last delayed answer
        for (let starts = 0; starts < 3; starts++) {
          await telemetry?.flush();
          await restartProgram(); // what is in the file is sent after a start
        }
        const arrived = new Set(server.telemetry.metrics.map(({ name }) => String(name)));
        counts.reported = reported.size;
        counts.reportedLost = lost.size;
        const { tooEarly, waited } = times;
        return {
          broken: {
            ...broken,
            executedTwice: [...runs.values()].filter((count) => count > 1).length,
            telemetryLost: [...reported].filter((name) => !arrived.has(name) && !lost.has(name)).length,
            tooEarly,
          },
          counts: { ...counts, waited },
        };
      },
    };
  },
};
