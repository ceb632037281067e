/** A folder of somebody else: files, and programs that run in it. */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect } from "vitest";
import { installed, work } from "./pack.ts";

const bin = join(import.meta.dirname, "../../node_modules/.bin");

/** What a program printed, and its exit code; -1 if it had to be stopped. */
export interface Ended {
  readonly code: number;
  readonly output: string;
}

/** A program that keeps running. */
export interface Running {
  /** Resolves when the output matches, from `from` on. Rejects after 30 s, and when the program ends first. */
  prints(pattern: RegExp, from?: number): Promise<string>;
  /** All output so far. */
  output(): string;
  stop(signal: NodeJS.Signals): Promise<number>;
}

export class Folder {
  constructor(
    readonly path: string,
    readonly env: NodeJS.ProcessEnv = process.env,
  ) {
    rmSync(path, { recursive: true, force: true });
    mkdirSync(path, { recursive: true });
  }

  write(file: string, text: string): void {
    const path = join(this.path, file);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }

  /** Replaces text that a file has. */
  replace(file: string, from: string, to: string): void {
    const text = readFileSync(join(this.path, file), "utf8");
    expect(text).toContain(from);
    this.write(file, text.replace(from, to));
  }

  /** Runs a program to its end. */
  run(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ended> {
    // GitHub's own variable would change what is printed.
    const own = { ...this.env, GITHUB_ACTIONS: "", NO_COLOR: "1", ...env };
    return new Promise((resolve) => {
      execFile(command, args, { cwd: this.path, env: own, timeout: 180_000 }, (error, stdout, stderr) => {
        const code = typeof error?.code === "number" ? error.code : error === null ? 0 : -1;
        resolve({ code, output: stdout + stderr });
      });
    });
  }

  /** Runs the `agentwire` of the tarball. */
  agentwire(...args: string[]): Promise<Ended> {
    return this.run(process.execPath, [join(installed, "dist/src/cli/main.js"), ...args]);
  }

  /** Compiles all files. */
  compile(): Promise<Ended> {
    return this.run(join(bin, "tsc"), []);
  }

  /** Runs a TypeScript file. */
  start(file: string, ...args: string[]): Promise<Ended> {
    return this.run(join(bin, "tsx"), [file, ...args]);
  }

  /** Starts a program. */
  spawn(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Running {
    const child: ChildProcess = spawn(command, args, {
      cwd: this.path,
      env: { ...this.env, ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const ended = new Promise<number>((resolve) => child.once("exit", (code) => resolve(code ?? -1)));
    let [output, code] = ["", undefined as number | undefined];
    for (const stream of [child.stdout!, child.stderr!]) {
      stream.on("data", (chunk: Buffer) => {
        output += chunk.toString();
      });
    }
    void ended.then((exit) => {
      code = exit;
    });
    return {
      output: () => output,
      stop: (signal) => {
        child.kill(signal);
        return ended;
      },
      prints: async (pattern, from = 0) => {
        for (const start = Date.now(); Date.now() - start < 30_000; ) {
          const found = pattern.exec(output.slice(from));
          if (found !== null) return found[0];
          if (code !== undefined) break;
          await new Promise((resolve) => setTimeout(resolve, 50));
        }
        throw new Error(`expected ${pattern}, found: ${output.slice(from)}`);
      },
    };
  }
}

/** An empty project beside the installed tarball, which compiles under `strict`. */
export function newProject(name: string): Folder {
  const project = new Folder(join(work, name));
  project.write("package.json", '{ "private": true, "type": "module" }');
  const compilerOptions = {
    strict: true,
    module: "nodenext",
    target: "es2022",
    noEmit: true,
    types: ["node"],
  };
  project.write("tsconfig.json", JSON.stringify({ compilerOptions, include: ["*.ts", "src", "gen"] }));
  return project;
}

/** A step must end with this code and print this text. */
export async function expectEnd(
  ended: Promise<Ended>,
  code: number,
  text: string | RegExp = "",
): Promise<void> {
  const found = await ended;
  expect(found.code, found.output).toBe(code);
  expect(found.output).toMatch(text);
}
