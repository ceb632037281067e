/** A folder of a newcomer: files, and programs that run in it. */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

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
    readonly env: NodeJS.ProcessEnv,
  ) {
    mkdirSync(path, { recursive: true });
  }

  write(file: string, text: string): void {
    const path = join(this.path, file);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }

  /** Runs a program to its end. */
  run(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ended> {
    return new Promise((resolve) => {
      const options = { cwd: this.path, env: { ...this.env, ...env }, timeout: 180_000 };
      execFile(command, args, options, (error, stdout, stderr) => {
        const code = typeof error?.code === "number" ? error.code : error === null ? 0 : -1;
        resolve({ code, output: stdout + stderr });
      });
    });
  }

  /** Starts a program. */
  start(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Running {
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
