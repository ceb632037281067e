import { execFile } from "node:child_process";
import { delimiter, join } from "node:path";

/** Where the project's own tools are found. */
export const toolPath = join(import.meta.dirname, "..", "..", "..", "node_modules", ".bin");

export interface BufResult {
  readonly ok: boolean;
  /** What buf printed, both streams. Its findings read `file:line:column:message`. */
  readonly output: string;
}

/**
 * Runs buf in `root`. Its own folder is in front of the PATH, so that buf and the plugins are found outside of
 * package scripts too. `searchPath` replaces the whole PATH.
 */
export function runBuf(root: string, args: readonly string[], searchPath?: string): Promise<BufResult> {
  const path = searchPath ?? [toolPath, process.env.PATH].join(delimiter);
  return new Promise((resolve) => {
    execFile(
      "buf",
      args,
      { cwd: root, env: { ...process.env, PATH: path }, maxBuffer: 1 << 26 },
      (error, stdout, stderr) => {
        const missing = error !== null && "code" in error && error.code === "ENOENT";
        const output = missing ? `buf is not installed (looked in ${path})` : stdout + stderr;
        resolve({ ok: error === null, output: output.trim() });
      },
    );
  });
}
