/**
 * `pnpm flakes [--rounds 10] [--busy N] [FILE…]`: runs the twenty test files that depend most on sockets, servers and the
 * order of events ten times, while N busy processes (default: one per core) take the machine's time. Ends with 1 if a
 * test failed even once.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { availableParallelism, loadavg } from "node:os";
import { parseArgs } from "node:util";
import { runTests } from "./interop/report.ts";

/** Real servers that are killed and restarted, sockets that break, child processes, and what closes at any moment. */
const RISKIEST = [
  "test/4runr/faults.test.ts",
  "test/cap-client/durable-client.test.ts",
  "test/cap-delivery/jetstream.test.ts",
  "test/cap/nats/bus-contract.test.ts",
  "test/cap/nats/bus.test.ts",
  "test/cli/bus.test.ts",
  "test/cli/doctor.test.ts",
  "test/cli/inspector/stack.test.ts",
  "test/faults/nats-login.test.ts",
  "test/faults/nats.test.ts",
  "test/faults/neuron.test.ts",
  "test/faults/redis.test.ts",
  "test/faults/stream.test.ts",
  "test/http/pool.test.ts",
  "test/http/proxy.test.ts",
  "test/neuron/connection.test.ts",
  "test/neuron/http-transport.test.ts",
  "test/peers/cap-agent.test.ts",
  "test/peers/cap-nats.test.ts",
  "test/peers/redis.test.ts",
];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: "string", default: "10" },
    busy: { type: "string", default: String(availableParallelism()) },
  },
});
const files = positionals.length > 0 ? positionals : RISKIEST;
const rounds = Number(values.rounds);

/** Takes the time of one core, so that tests run late and in odd orders. */
function busyProcess(): ChildProcess {
  return spawn(process.execPath, ["-e", "for (;;) ;"], { stdio: "ignore" });
}

const failures = new Map<string, number>();
let runs = 0;
const busy = Array.from({ length: Number(values.busy) }, busyProcess);
try {
  for (let round = 1; round <= rounds; round++) {
    const started = performance.now();
    const tests = runTests(files, [`--maxWorkers=${availableParallelism()}`]);
    runs += tests.length;
    const failed = tests.filter(({ passed }) => !passed);
    for (const { file, groups, title, failure } of failed) {
      const name = [file, ...groups, title].join(" > ");
      failures.set(name, (failures.get(name) ?? 0) + 1);
      console.log(`round ${round}: ${name}\n${failure.slice(0, 1500)}`);
    }
    const seconds = Math.round((performance.now() - started) / 1000);
    console.log(
      `round ${round} of ${rounds}: ${tests.length} tests, ${failed.length} failed, ${seconds} s, load ${loadavg()[0]!.toFixed(1)}`,
    );
  }
} finally {
  for (const child of busy) child.kill("SIGKILL");
}
console.log(`\n${files.length} files, ${rounds} rounds, ${runs} tests run: ${failures.size} flaky`);
for (const [title, times] of failures) console.log(`  ${times} of ${rounds}: ${title}`);
process.exitCode = failures.size === 0 ? 0 : 1;
