/** The variables that lead a program to the local servers, as lines that shells and dotenv readers take. */
import { readFile } from "node:fs/promises";
import { ValidationError } from "../../core/errors.js";
import { writeNew } from "../files.js";

const FIRST_LINE = "# written by agentwire dev";

/** `NAME=value` lines; quoted where a shell would read more into a value. */
export function envLines(env: Readonly<Record<string, string>>): string {
  return Object.entries(env)
    .map(([name, value]) => `${name}=${/^[\w@%+=:,./-]*$/.test(value) ? value : quote(value)}\n`)
    .join("");
}

function quote(value: string): string {
  return `'${value.replaceAll("'", "'\\''")}'`;
}

/** Writes them into a file for their owner only. A file of somebody else is not overwritten. */
export async function writeEnvFile(path: string, env: Readonly<Record<string, string>>): Promise<void> {
  const before = await readFile(path, "utf8").catch(() => undefined);
  if (before !== undefined && !before.startsWith(FIRST_LINE)) {
    throw new ValidationError(`${path} was not written by agentwire dev and is not overwritten`, {
      code: "FILE_EXISTS",
    });
  }
  await writeNew(path, `${FIRST_LINE}\n${envLines(env)}`, { mode: 0o600, force: before !== undefined });
}
