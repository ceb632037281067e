/** Servers and scripts that tests start, and end by the process they got. */
import type { ChildProcess } from "node:child_process";
import { spawn } from "node:child_process";
import { freePort } from "../../src/cli/dev/child.js";

export { freePort };

/** A running process. */
export interface Running {
  readonly process: ChildProcess;
  /** What it wrote so far, both streams. */
  output(): string;
  /** Resolves when the output holds a text; rejects when the process ends before. */
  until(text: string | RegExp): Promise<void>;
  /** Ends it and resolves when it is gone. */
  stop(signal?: NodeJS.Signals): Promise<void>;
}

/** Starts a program and collects what it writes. */
export function start(
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
): Running {
  const child = spawn(command, args, { env, stdio: ["ignore", "pipe", "pipe"] });
  let text = "";
  let ended = false;
  const watchers = new Set<() => void>();
  const tell = () => {
    for (const watcher of [...watchers]) watcher();
  };
  const collect = (chunk: Buffer) => {
    text += chunk.toString();
    tell();
  };
  child.stdout.on("data", collect);
  child.stderr.on("data", collect);
  const gone = new Promise<void>((resolve) => {
    const end = () => {
      ended = true;
      tell();
      resolve();
    };
    child.once("exit", end);
    child.once("error", (error) => {
      text += String(error);
      end();
    });
  });
  return {
    process: child,
    output: () => text,
    until: (wanted) =>
      new Promise((resolve, reject) => {
        const look = () => {
          const found = typeof wanted === "string" ? text.includes(wanted) : wanted.test(text);
          if (!found && !ended) return;
          watchers.delete(look);
          if (found) resolve();
          else reject(new Error(`${command} ended without ${String(wanted)}:\n${text}`));
        };
        watchers.add(look);
        look();
      }),
    stop: async (signal = "SIGTERM") => {
      if (!ended) child.kill(signal);
      await gone;
    },
  };
}

/** Starts a nats-server on loopback. Resolves when it is ready. */
export async function startNats(
  path: string,
  options: { readonly port?: number; readonly args?: readonly string[] } = {},
): Promise<Running & { readonly url: string; readonly port: number }> {
  const port = options.port ?? (await freePort());
  const running = start(path, ["-a", "127.0.0.1", "-p", String(port), ...(options.args ?? [])]);
  await running.until("Server is ready");
  return { ...running, port, url: `nats://127.0.0.1:${port}` };
}

/** Starts a redis-server on loopback that writes nothing to disk. Resolves when it is ready. */
export async function startRedis(
  path: string,
  options: { readonly port?: number } = {},
): Promise<Running & { readonly url: string; readonly port: number }> {
  const port = options.port ?? (await freePort());
  const running = start(path, [
    "--bind",
    "127.0.0.1",
    "--port",
    String(port),
    "--save",
    "",
    "--appendonly",
    "no",
  ]);
  await running.until(/Ready to accept connections|ready to accept connections/);
  return { ...running, port, url: `redis://127.0.0.1:${port}/0` };
}
