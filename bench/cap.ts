/**
 * `pnpm bench cap`: jobs per second through a real nats-server, client and worker in processes of their own,
 * ours against cap-sdk-python in the same run, in turns; and what the machine could do at best.
 */
import type { ChildProcess } from "node:child_process";
import { spawn } from "node:child_process";
import * as crypto from "node:crypto";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { generateKeyPair } from "../src/cap/index.js";
import { canonicalBytes, createPacket } from "../src/cap/packet.js";
import { capPython, findPeer, natsServer } from "../test/peers/ladder.ts";
import { startNats } from "../test/peers/processes.ts";
import { compiled } from "./compiled.ts";
import { cpuOf } from "./cpu.ts";
import { compared, type Measured, median, ROUNDS } from "./measure.ts";

const WINDOW_MS = Number(process.env.BENCH_WINDOW_MS ?? 2000);

interface Answer {
  readonly jobs: number;
  readonly seconds: number;
  readonly cpu: number;
}

/** A process that answers each JSON line with one. */
class End {
  readonly #child: ChildProcess;
  readonly #answers: AsyncIterator<string>;

  constructor(command: string, args: readonly string[]) {
    this.#child = spawn(command, args, { stdio: ["pipe", "pipe", "inherit"] });
    this.#answers = createInterface({ input: this.#child.stdout! })[Symbol.asyncIterator]();
  }

  async answer(): Promise<Answer> {
    const { value, done } = await this.#answers.next();
    if (done) throw new Error("an end of the benchmark ended early");
    return JSON.parse(value) as Answer;
  }

  ask(command: object): Promise<Answer> {
    this.#child.stdin!.write(`${JSON.stringify(command)}\n`);
    return this.answer();
  }

  async stop(): Promise<void> {
    const gone = new Promise((resolve) => this.#child.once("exit", resolve));
    this.#child.stdin!.end();
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), 5000);
    await gone;
    clearTimeout(timer);
  }
}

interface Case {
  readonly name: string;
  readonly client: End;
  readonly worker: End;
  readonly inFlight: number;
  readonly raw?: boolean;
  readonly against?: string;
}

interface Found {
  readonly speed: number;
  readonly client: number;
  readonly worker: number;
  readonly server: number;
}

/** Runs the benchmark and prints its table. */
export default async function benchCap(): Promise<Measured[]> {
  const [natsPath, python] = await Promise.all([findPeer(natsServer), findPeer(capPython)]);
  if (natsPath === undefined) throw new Error(`no nats-server: ${natsServer.howTo}`);
  if (python === undefined) throw new Error(`no cap-sdk-python: ${capPython.howTo}`);
  const server = await startNats(natsPath);
  const keys = { client: generateKeyPair(), worker: generateKeyPair() };
  const publicKeys = { "client-1": keys.client.publicKeyPem, "worker-1": keys.worker.publicKeyPem };
  const ends: End[] = [];
  const bundled = await compiled("cap/end.ts");
  const open = async (language: "ts" | "py", role: "client" | "worker", subject: string, signed: boolean) => {
    const given = JSON.stringify(signed ? { public: publicKeys, private: keys[role].privateKeyPem } : null);
    const [command, script] =
      language === "ts" ? [process.execPath, bundled] : [python, join(import.meta.dirname, "cap/end.py")];
    const end = new End(command, [script, role, server.url, subject, given]);
    ends.push(end);
    await end.answer();
    return end;
  };
  try {
    const cases: Case[] = [];
    for (const signed of [false, true]) {
      const mode = signed ? "signed" : "unsigned";
      const [ours, theirs] = [`bench.ts.${mode}`, `bench.py.${mode}`];
      const ourWorker = await open("ts", "worker", ours, signed);
      const ourClient = await open("ts", "client", ours, signed);
      const pyWorker = await open("py", "worker", theirs, signed);
      const pyClient = await open("py", "client", theirs, signed);
      const mixedClient = await open("ts", "client", theirs, signed);
      if (!signed) {
        const ends = { client: ourClient, worker: ourWorker, raw: true };
        cases.push({ name: "raw request/reply, 64 in flight", ...ends, inFlight: 64 });
      }
      for (const inFlight of [64, 256]) {
        const name = `${mode}, ${inFlight} in flight`;
        const python = `cap-sdk-python, ${name}`;
        cases.push(
          { name: python, client: pyClient, worker: pyWorker, inFlight },
          {
            name: `our client, its run_worker, ${name}`,
            client: mixedClient,
            worker: pyWorker,
            inFlight,
            against: python,
          },
          { name: `agentwire, ${name}`, client: ourClient, worker: ourWorker, inFlight, against: python },
        );
      }
    }
    const wanted = cases.filter(({ name }) => new RegExp(process.env.BENCH_CASES ?? "").test(name));
    return report(await measureAll(wanted, server.process.pid!), wanted);
  } finally {
    await Promise.all(ends.map((end) => end.stop()));
    await server.stop();
  }
}

async function measureAll(cases: readonly Case[], serverPid: number): Promise<Map<string, Found[]>> {
  const found = new Map<string, Found[]>(cases.map(({ name }) => [name, []]));
  for (let round = -1; round < ROUNDS; round++) {
    for (const { name, client, worker, inFlight, raw } of cases) {
      const before = [(await worker.ask({ ms: 0 })).cpu, cpuOf(serverPid)] as const;
      const ms = round < 0 ? Math.min(1000, WINDOW_MS) : WINDOW_MS;
      const { jobs, seconds, cpu } = await client.ask({ inFlight, ms, ...(raw ? { raw } : {}) });
      const after = [(await worker.ask({ ms: 0 })).cpu, cpuOf(serverPid)] as const;
      if (round < 0) continue; // only warms up
      const micros = (spent: number) => (spent / jobs) * 1e6;
      found.get(name)!.push({
        speed: jobs / seconds,
        client: micros(cpu),
        worker: micros(after[0] - before[0]),
        server: micros(after[1] - before[1]),
      });
    }
  }
  return found;
}

/** Jobs per second if the cores did nothing but sign twice and verify twice for each. */
function cryptoLimit(): { readonly sign: number; readonly verify: number; readonly jobs: number } {
  const { privateKey, publicKey } = crypto.generateKeyPairSync("ec", { namedCurve: "prime256v1" });
  const value = {
    jobId: "job-0123456789-0123456789012-1234",
    topic: "bench.ts.signed",
    labels: { env: "prod", region: "eu" },
  };
  const { bytes } = canonicalBytes(createPacket({ case: "jobRequest", value }, { senderId: "client-1" }));
  const signature = crypto.sign("sha256", bytes, privateKey);
  const perCall = (call: () => void) => {
    for (let i = 0; i < 500; i++) call();
    const before = process.cpuUsage();
    for (let i = 0; i < 5000; i++) call();
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 5000 / 1e6;
  };
  const sign = perCall(() => crypto.sign("sha256", bytes, privateKey));
  const verify = perCall(() => crypto.verify("sha256", bytes, publicKey, signature));
  return { sign, verify, jobs: availableParallelism() / (2 * sign + 2 * verify) };
}

function report(found: Map<string, Found[]>, cases: readonly Case[]): Measured[] {
  const limit = cryptoLimit();
  const rows = cases.map(({ name, against }): Measured & { readonly text: string } => {
    const rounds = found.get(name)!;
    const speeds = rounds.map(({ speed }) => speed);
    const others = against === undefined ? undefined : found.get(against)!.map(({ speed }) => speed);
    const row = compared(name, speeds, against, others);
    const { perSecond, ratio } = row;
    const spread = (Math.max(...speeds) - Math.min(...speeds)) / perSecond;
    const micros = (["client", "worker", "server"] as const).map((part) =>
      median(rounds.map((round) => round[part]))
        .toFixed(0)
        .padStart(6),
    );
    const text = [
      name.padEnd(52),
      Math.round(perSecond).toLocaleString("en").padStart(8),
      (against === undefined ? "" : `${ratio.toFixed(2)}x`).padStart(7),
      `${(spread * 100).toFixed(0)} %`.padStart(6),
      ...micros,
    ].join(" ");
    return { ...row, text };
  });
  console.log(`CAP through nats-server, medians of ${ROUNDS} rounds in turns, windows of ${WINDOW_MS} ms`);
  console.log(`${"".padEnd(52)}   jobs/s   ratio spread  CPU us per job: client, worker, server`);
  for (const { text } of rows) console.log(text);
  const per = (seconds: number) => `${(seconds * 1e6).toFixed(0)} us`;
  console.log(
    `crypto limit: ${Math.round(limit.jobs).toLocaleString("en")} jobs/s = ${availableParallelism()} cores / (2 x sign ${per(limit.sign)} + 2 x verify ${per(limit.verify)})`,
  );
  const measured: Measured[] = rows.map(({ text: _, ...row }) => row);
  return [...measured, compared("crypto limit", [limit.jobs])];
}
