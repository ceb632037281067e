/** `agentwire dev` as a process, for tests that work against it. */
import { delimiter, dirname } from "node:path";
import { type Running, start } from "../peers/processes.ts";
import { command, folder } from "./cli.ts";

/** What `dev --json` says of itself. */
export interface DevInfo {
  readonly env: Readonly<Record<string, string>>;
  readonly health: string;
  readonly parts: Readonly<Record<string, { readonly state: string; readonly reason?: string }>>;
}

/** A PATH with the folders of some programs only: none of what the machine has besides is found. */
export function pathWith(programs: readonly string[]): string {
  return programs.length === 0 ? folder() : programs.map((program) => dirname(program)).join(delimiter);
}

/** Starts it with `--json` and waits for its line. */
export async function startDev(
  argv: readonly string[],
  path: string,
  more: NodeJS.ProcessEnv = {},
): Promise<Running & { readonly info: DevInfo; exit(signal: NodeJS.Signals): Promise<number | null> }> {
  const { NATS_URL: _n, REDIS_URL: _r, ...env } = process.env;
  const running = start(command[0], [...command.slice(1), "dev", "--json", ...argv], {
    XDG_STATE_HOME: folder(),
    ...env,
    ...more,
    PATH: path,
  });
  const ended = new Promise<number | null>((resolve) => running.process.once("exit", resolve));
  await running.until(/^\{.*\}$/m);
  const info = (JSON.parse(/^\{.*\}$/m.exec(running.output())![0]) as { result: DevInfo }).result;
  return {
    ...running,
    info,
    exit: (signal) => {
      running.process.kill(signal);
      return ended;
    },
  };
}

/** The health of a stack. */
export async function healthOf({ health }: DevInfo): Promise<Record<string, Record<string, unknown>>> {
  const answer = (await (await fetch(`${health}/health`)).json()) as { parts: never };
  return answer.parts;
}
