/** The command as a user runs it: in this process, as a process of its own, or in a terminal. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Io } from "../../src/cli/io.js";
import { createProgram } from "../../src/cli/program.js";
import { runCli } from "../../src/cli/run.js";

const root = join(import.meta.dirname, "../..");
/**
 * What starts the command: program and first arguments. Not the `tsx` command, which passes signals on for a moment
 * only, and then kills.
 */
export const command = [
  process.execPath,
  "--import",
  pathToFileURL(createRequire(import.meta.url).resolve("tsx")).href,
  join(root, "src/cli/main.ts"),
] as const;

/** Starts a command line as a process of its own. */
export function spawnCli(argv: readonly string[], env: NodeJS.ProcessEnv = process.env): ChildProcess {
  const [program, ...first] = command;
  const child = spawn(program, [...first, ...argv], { env, stdio: "pipe" });
  // A test that fails is not to leave it behind.
  const end = (): void => void child.kill("SIGKILL");
  process.once("exit", end);
  child.once("close", () => process.off("exit", end));
  return child;
}

/** What a command gave. */
export interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** What a command is given. */
export interface Given extends Partial<Pick<Io, "env" | "signal" | "color" | "inputIsTerminal">> {
  readonly input?: Uint8Array | string | undefined;
  /** Called with what goes to the standard output. */
  readonly onOut?: (text: string) => void;
}

/** Runs a command line in this process. */
export async function run(argv: readonly string[], given: Given = {}): Promise<Outcome> {
  let [out, err] = ["", ""];
  const { input = "", env = {}, signal = new AbortController().signal } = given;
  const code = await runCli(argv, {
    out: (text) => {
      out += text;
      given.onOut?.(text);
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

/** Parses a command line without running it. Rejects if it is not valid. */
export async function parse(argv: readonly string[]): Promise<boolean> {
  let parsed = false;
  const program = await createProgram(argv.slice(0, 1), { out: () => {}, color: false }, async () => {
    parsed = true;
  });
  await program.parseAsync([...argv], { from: "user" });
  return parsed;
}

/** Runs a command line with `--json` and returns the result. */
export async function json(argv: readonly string[], given: Given = {}) {
  const { code, out, err } = await run([...argv, "--json"], given);
  const { ok, command, result } = JSON.parse(out) as { ok: boolean; command: string; result: never };
  return { code, out, err, ok, command, result };
}

/** Runs a command line as a process of its own. */
export function spawned(
  argv: readonly string[],
  input?: Uint8Array | string,
  env: NodeJS.ProcessEnv = process.env,
): Promise<Outcome> {
  return collect(spawnCli(argv, env), input);
}

/** Waits for the end of a process and for all it wrote. */
export function collect(child: ChildProcess, input?: Uint8Array | string): Promise<Outcome> {
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

/** Resolves when a process has written a text to either stream. */
export function said(child: ChildProcess, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let seen = "";
    const look = (chunk: Buffer): void => {
      seen += chunk.toString();
      if (seen.includes(text)) resolve();
    };
    child.stdout!.on("data", look);
    child.stderr!.on("data", look);
    child.once("close", () => reject(new Error(`it ended without "${text}": ${seen}`)));
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
