/** The command as a user runs it: in this process, as a process of its own, or in a terminal. */
import { spawn } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Io } from "../../src/cli/io.js";
import { runCli } from "../../src/cli/run.js";

const root = join(import.meta.dirname, "../..");
export const tsx = join(root, "node_modules/.bin/tsx");
export const main = join(root, "src/cli/main.ts");

/** What a command gave. */
export interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** What a command is given. */
export interface Given extends Partial<Pick<Io, "env" | "signal" | "color" | "inputIsTerminal">> {
  readonly input?: Uint8Array | string | undefined;
}

/** Runs a command line in this process. */
export async function run(argv: readonly string[], given: Given = {}): Promise<Outcome> {
  let [out, err] = ["", ""];
  const { input = "", env = {}, signal = new AbortController().signal } = given;
  const code = await runCli(argv, {
    out: (text) => {
      out += text;
    },
    err: (text) => {
      err += text;
    },
    readInput: async () => (typeof input === "string" ? new TextEncoder().encode(input) : input),
    inputIsTerminal: given.inputIsTerminal ?? false,
    color: given.color ?? false,
    env,
    signal,
  });
  return { code, out, err };
}

/** Runs a command line as a process of its own. */
export function spawned(
  argv: readonly string[],
  input?: Uint8Array | string,
  env: NodeJS.ProcessEnv = process.env,
): Promise<Outcome> {
  return collect(spawn(tsx, [main, ...argv], { env, stdio: "pipe" }), input);
}

/** Waits for the end of a process and for all it wrote. */
export function collect(child: ReturnType<typeof spawn>, input?: Uint8Array | string): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    let [out, err] = ["", ""];
    child.stdout!.on("data", (chunk: Buffer) => {
      out += chunk.toString();
    });
    child.stderr!.on("data", (chunk: Buffer) => {
      err += chunk.toString();
    });
    child.once("error", reject);
    child.once("close", (code) => resolve({ code: code ?? -1, out, err }));
    child.stdin!.on("error", () => {}); // it may not want to read
    child.stdin!.end(input);
  });
}

/** An empty folder. */
export function folder(): string {
  return mkdtempSync(join(tmpdir(), "agentwire-cli-"));
}

/** A file in a new folder. */
export function file(name: string, content: string | Uint8Array): string {
  const path = join(folder(), name);
  writeFileSync(path, content);
  return path;
}
