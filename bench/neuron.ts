/** `pnpm bench neuron`: leases per second and wake-up latency, ours and holokai-neuron-sdk 0.2.0 in turns. */
import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { findPeer, neuronPython } from "../test/peers/ladder.ts";
import { compiled } from "./compiled.ts";
import { loaded } from "./loaded.ts";
import { compared, type Measured, median as middle, ROUNDS } from "./measure.ts";
import { BenchGateway, type LeaseRound } from "./neuron-gateway.ts";

const pythonWorker = `
import asyncio, sys
from holokai_neuron_sdk import Capability, Neuron
async def echo(input, ctx):
    return {"echo": input}
async def main():
    neuron = Neuron(gateway_url=sys.argv[1], neuron_id="bench", auth=lambda: "token")
    neuron.register_handler(Capability(type="bench/echo", scope="any", concurrency=64), echo)
    await neuron.start()
    await asyncio.Event().wait()
asyncio.run(main())
`;

interface Side {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
}

const windowMs = 1_500;

/** Medians at 1, 16 and 64 leases in flight. */
export default async function benchNeuron(): Promise<Measured[]> {
  const python = await findPeer(neuronPython);
  const worker = await compiled("neuron-worker.ts");
  const ours: Side = { name: "agentwire", command: process.execPath, args: [worker] };
  const sides: Side[] = [ours];
  if (python === undefined) console.log(`no ratio: ${neuronPython.howTo}`);
  else sides.push({ name: neuronPython.name, command: python, args: ["-c", pythonWorker] });
  const rows: Measured[] = [];
  const running = await Promise.all(sides.map(startSide));
  try {
    console.log(
      "neuron: leases/s (p50 from lease written to ack received; CPU time per lease, worker + gateway)",
    );
    for (const concurrency of [1, 16, 64]) {
      const found = new Map<string, Found[]>();
      for (let round = -1; round < ROUNDS; round++) {
        for (const { side, gateway, child } of running) {
          const before = cpuSeconds(child.pid!);
          const result = await gateway.round(concurrency, round < 0 ? 500 : windowMs);
          const workerUs = ((cpuSeconds(child.pid!) - before) / (result.perSecond * windowMs)) * 1e9;
          if (round >= 0) found.set(side.name, [...(found.get(side.name) ?? []), { ...result, workerUs }]);
        }
      }
      const median = (name: string, key: keyof Found) => middle(found.get(name)!.map((one) => one[key]));
      const speeds = (name: string) => found.get(name)?.map(({ perSecond }) => perSecond);
      const theirs = speeds(neuronPython.name);
      for (const { name } of sides) {
        const against = name === ours.name && theirs !== undefined ? neuronPython.name : undefined;
        const title = `${concurrency} in flight, ${name}`;
        const row = compared(title, speeds(name)!, against, against === undefined ? undefined : theirs);
        const { perSecond, ratio } = row;
        rows.push(row);
        const speed = Math.round(perSecond).toLocaleString("en").padStart(8);
        const p50 = `p50 ${median(name, "p50Ms").toFixed(2)} ms`;
        const cpu = `${median(name, "workerUs").toFixed(0)} + ${median(name, "cpuUs").toFixed(0)} us`;
        const times = against === undefined ? "" : `  ${ratio.toFixed(1)}x`;
        console.log(
          `  ${String(concurrency).padStart(3)} in flight  ${name.padEnd(18)} ${speed}/s  ${p50}  ${cpu.padStart(13)}${times}`,
        );
      }
    }
  } finally {
    for (const { child, gateway } of running) {
      child.kill("SIGTERM");
      await gateway.stop();
    }
  }
  console.log("what a bundle takes, without ajv and what else is loaded late");
  for (const names of ["Neuron", "*"]) console.log(await loaded("src/neuron/index.ts", names));
  return rows;
}

interface Found extends LeaseRound {
  /** CPU time of the worker per lease, in microseconds. */
  readonly workerUs: number;
}

/** CPU time that a process has used, where the system tells (Linux, in hundredths of a second), else NaN. */
function cpuSeconds(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return (Number(fields[11]) + Number(fields[12])) / 100;
  } catch {
    return Number.NaN;
  }
}

async function startSide(side: Side): Promise<{ side: Side; gateway: BenchGateway; child: ChildProcess }> {
  const gateway = new BenchGateway();
  const url = await gateway.start();
  const registered = gateway.registered();
  const child = spawn(side.command, [...side.args, url], { stdio: ["ignore", "inherit", "inherit"] });
  const gone = new Promise<never>((_, reject) => {
    child.once("exit", (code) => reject(new Error(`${side.name} ended with ${code} before it registered`)));
  });
  gone.catch(() => {});
  await Promise.race([registered, gone]);
  return { side, gateway, child };
}
