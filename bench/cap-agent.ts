/**
 * `pnpm bench cap-agent`: jobs per second of an agent with its inputs and outputs in Redis, ours against the one
 * of cap-sdk-python in the same run, in turns; straight and through a scheduler, by jobs in flight.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { SUBJECT_RESULT, SUBJECT_SUBMIT } from "../gen/cap/index.js";
import { generateKeyPair } from "../src/cap/index.js";
import { connectNats } from "../src/cap/nats/index.js";
import type { PartyOptions } from "../src/cap/party.js";
import { Party } from "../src/cap/party.js";
import { RedisBlobStore } from "../src/cap/redis/index.js";
import { capPython, findPeer, natsServer, redisServer } from "../test/peers/ladder.ts";
import { startNats, startRedis } from "../test/peers/processes.ts";
import { compiled } from "./compiled.ts";
import { cpuOf } from "./cpu.ts";
import { compared, type Measured, median, ROUNDS } from "./measure.ts";

const WINDOW_MS = Number(process.env.BENCH_WINDOW_MS ?? 1500);
const PARALLEL = 64;
const root = join(import.meta.dirname, "..");

interface Found {
  readonly speed: number;
  /** CPU of the agent's process per job, in microseconds. */
  readonly cpu: number;
}

/** Runs the benchmark and prints its table. */
export default async function benchCapAgent(): Promise<Measured[]> {
  const wanted = [natsServer, redisServer, capPython];
  const [natsPath, redisPath, python] = await Promise.all(wanted.map(findPeer));
  if (!natsPath || !redisPath || !python) throw new Error(wanted.map(({ howTo }) => howTo).join("; "));
  const [nats, redis] = await Promise.all([startNats(natsPath), startRedis(redisPath)]);
  const store = new RedisBlobStore({ url: redis.url });
  const rows: Measured[] = [];
  try {
    await store.set("ctx:bench", new TextEncoder().encode('{"prompt":"hello world"}'));
    const script = await compiled("cap/agent.ts");
    const scheduler = await compiled("cap/scheduler.ts");
    for (const signed of [false, true]) {
      const keys = { scheduler: generateKeyPair(), worker: generateKeyPair() };
      const publicKeys = {
        "cordum-scheduler": keys.scheduler.publicKeyPem,
        "w-ts": keys.worker.publicKeyPem,
        "w-py": keys.worker.publicKeyPem,
      };
      const mode = signed ? "signed" : "unsigned";
      const ends: Record<"ts" | "py", ChildProcess> = { ts: undefined as never, py: undefined as never };
      for (const language of ["ts", "py"] as const) {
        const given = JSON.stringify({
          nats: nats.url,
          redis: redis.url,
          worker: `w-${language}`,
          pool: "agents",
          parallel: PARALLEL,
          prefix: `${language}-${mode}`,
          ...(signed ? { public: publicKeys, private: keys.worker.privateKeyPem } : {}),
        });
        const peer = join(root, "test/peers/cap_agent_peer.py");
        const [command, file] = language === "ts" ? [process.execPath, script] : [python, peer];
        ends[language] = await open(command, [file, given]);
      }
      const bus = await connectNats({ env: {}, servers: nats.url });
      const own = signed ? { publicKeys, privateKey: keys.scheduler.privateKeyPem } : {};
      const sender = { bus, senderId: "cordum-scheduler", mapOrder: "upb", ...own } as const;
      const asScheduler = () =>
        open(process.execPath, [scheduler, JSON.stringify({ nats: nats.url, ...own })]);
      rows.push(...(await compare({ sender, mode, ends, asScheduler })));
      for (const end of Object.values(ends)) end.kill("SIGKILL");
      await bus.close();
    }
  } finally {
    await store.close();
    await Promise.all([nats.stop(), redis.stop()]);
  }
  const heapScript = await compiled("cap/agent-heap.ts");
  const heap = JSON.parse(execFileSync(process.execPath, ["--expose-gc", heapScript], { encoding: "utf8" }));
  console.log(
    `  in memory: ${heap.cpuMicros.toFixed(1)} us CPU a job with its client; ` +
      `${heap.bytesPerJob.toFixed(1)} bytes of heap left by each of ${heap.jobs} jobs`,
  );
  return rows;
}

async function compare(run: {
  readonly sender: PartyOptions;
  readonly mode: string;
  readonly ends: Readonly<Record<"ts" | "py", ChildProcess>>;
  readonly asScheduler: () => Promise<ChildProcess>;
}): Promise<Measured[]> {
  const { sender, mode, ends, asScheduler } = run;
  const party = new Party(sender);
  let scheduler: ChildProcess | undefined;
  let onDone = () => {};
  await party.receive(SUBJECT_RESULT, { onPacket: () => onDone() });
  let sent = 0;
  const round = async (language: "ts" | "py", hop: boolean, inFlight: number, ms: number): Promise<Found> => {
    const topic = `job.${language}-${mode}.echo`;
    const send = (): void => {
      const value = { jobId: `job-${mode}-${sent++}`, topic, contextPtr: "redis://ctx:bench" };
      void party.send(hop ? SUBJECT_SUBMIT : topic, { case: "jobRequest", value }, "t");
    };
    const [cpu, started] = [cpuOf(ends[language].pid!), performance.now()];
    let done = 0;
    await new Promise<void>((resolve) => {
      let open = inFlight;
      onDone = () => {
        done++;
        if (performance.now() - started < ms) send();
        else if (--open === 0) resolve();
      };
      for (let i = 0; i < inFlight; i++) send();
    });
    const seconds = (performance.now() - started) / 1000;
    return { speed: done / seconds, cpu: ((cpuOf(ends[language].pid!) - cpu) / done) * 1e6 };
  };
  for (const language of ["ts", "py"] as const) await round(language, false, 100, WINDOW_MS); // warms up
  const rows: Measured[] = [];
  for (const [hop, inFlight] of [
    [false, 1],
    [false, 10],
    [false, 100],
    [false, 1000],
    [true, 64],
  ] as const) {
    // A process of its own, as in life; where jobs go straight there is none.
    if (hop) scheduler = await asScheduler();
    const found: Record<"ts" | "py", Found[]> = { ts: [], py: [] };
    for (let i = -1; i < ROUNDS; i++) {
      for (const language of ["ts", "py"] as const) {
        const result = await round(language, hop, inFlight, i < 0 ? WINDOW_MS / 2 : WINDOW_MS);
        if (i >= 0) found[language].push(result); // the first round does not count
      }
    }
    const what = `${mode}, ${hop ? "through a scheduler, " : ""}${inFlight} in flight`;
    const against = `cap-sdk-python, ${what}`;
    const [ourSpeeds, theirSpeeds] = [found.ts, found.py].map((rounds) => rounds.map(({ speed }) => speed));
    const theirs = compared(against, theirSpeeds!);
    const ours = compared(`agentwire, ${what}`, ourSpeeds!, against, theirSpeeds);
    rows.push(theirs, ours);
    const [ourCpu, theirCpu] = [found.ts, found.py].map((rounds) => median(rounds.map(({ cpu }) => cpu)));
    const speed = ({ perSecond }: Measured, cpu: number) =>
      `${perSecond.toFixed(0)}/s (${cpu.toFixed(0)} us CPU a job)`;
    const ratio = `${ours.ratio.toFixed(2)}x, CPU ${(theirCpu! / ourCpu!).toFixed(2)}x`;
    console.log(
      `  ${what}: ours ${speed(ours, ourCpu!)}, cap-sdk-python ${speed(theirs, theirCpu!)}: ${ratio}`,
    );
  }
  scheduler?.kill("SIGKILL");
  return rows;
}

async function open(command: string, args: readonly string[]): Promise<ChildProcess> {
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "ignore"] });
  for await (const line of createInterface({ input: child.stdout })) if (line === "peer ready") return child;
  throw new Error(`${command} ended early`);
}
