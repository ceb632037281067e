/** The runner's side of the adapter protocol, over the standard streams of a process. */
import { spawn } from "node:child_process";
import { join } from "node:path";

const root = join(import.meta.dirname, "../..");

/** The cases that the kit has for a worker. */
export const WORKER_CASES = [
  ...["succeeded", "failed", "failed-fatal"].map((end) => `lifecycle/worker-running-to-${end}`),
  "lifecycle/worker-same-state-idempotent",
  "lifecycle/worker-rejects-backwards-transition",
  "lifecycle/worker-rejects-second-terminal",
  "cancellation/worker-honors-cancel",
  ...["truncated-wire", "overlong-wire", "non-minimal-encoding", "duplicate-oneof", "empty-envelope"].map(
    (name) => `malformed/${name}`,
  ),
  ...["unsupported-protocol-version", "unknown-payload"].map((name) => `malformed/${name}`),
  ...["string", "map", "repeated"].map((name) => `malformed/oversize-${name}`),
];

/** What the adapter said, and how its process ended. */
export interface TckRun {
  readonly messages: readonly Readonly<Record<string, unknown>>[];
  readonly longestLine: number;
  readonly exitCode: number | null;
  readonly errors: string;
}

/** Starts the adapter, says lines to it, and collects what it says until it ends. */
export async function runTck(lines: readonly string[]): Promise<TckRun> {
  const child = spawn(join(root, "node_modules/.bin/tsx"), [join(import.meta.dirname, "main.ts")], {
    stdio: ["pipe", "pipe", "pipe"],
  });
  let output = "";
  let errors = "";
  child.stdout.on("data", (chunk: Buffer) => {
    output += chunk.toString();
  });
  child.stderr.on("data", (chunk: Buffer) => {
    errors += chunk.toString();
  });
  child.stdin.on("error", () => {}); // it may end before it has read everything
  child.stdin.end(lines.map((line) => `${line}\n`).join(""));
  const exitCode = await new Promise<number | null>((resolve) => child.once("close", resolve));
  const said = output.split("\n").filter((line) => line !== "");
  return {
    messages: said.map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>),
    longestLine: Math.max(0, ...said.map((line) => Buffer.byteLength(line))),
    exitCode,
    errors,
  };
}

/** The line that asks for a case. */
export function runLine(id: string, more: object = {}): string {
  return JSON.stringify({ type: "run", id, scenario: id, params: {}, ...more });
}
