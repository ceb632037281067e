/** Runs an example or a snippet as a user would, on the sources. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";

const root = join(import.meta.dirname, "../..");
const run = promisify(execFile);

/** What a program prints. Rejects when it fails. It gets no address of a real server. */
export async function printed(file: string, env: NodeJS.ProcessEnv = {}): Promise<string> {
  const { REDIS_URL: _, NATS_URL: __, GATEWAY_URL: ___, AGENT_ID: ____, ...rest } = process.env;
  const args = ["--tsconfig", join(root, "tsconfig.json"), join(root, file)];
  const { stdout } = await run(join(root, "node_modules/.bin/tsx"), args, {
    cwd: root,
    env: { ...rest, ...env },
    timeout: 45_000, // ends the program before the test gives up on it
  });
  return stdout;
}
