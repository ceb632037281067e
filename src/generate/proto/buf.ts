import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import type { ProtoSpec } from "../config.js";

const INSTALL = "npm i -D @bufbuild/buf @bufbuild/protoc-gen-es";

/** Where the tools of a project are found: its own packages, and those of the folders above. */
function toolFolders(root: string): string[] {
  const above = dirname(root);
  return [join(root, "node_modules", ".bin"), ...(above === root ? [] : toolFolders(above))];
}

export interface BufResult {
  readonly ok: boolean;
  /** What buf printed, both streams. Its findings read `file:line:column:message`. */
  readonly output: string;
}

/**
 * Runs buf in `root`. The packages of the project are in front of the PATH, so that buf and the plugins are found
 * outside of package scripts too. `searchPath` replaces the whole PATH.
 */
export function runBuf(root: string, args: readonly string[], searchPath?: string): Promise<BufResult> {
  const path = searchPath ?? [...toolFolders(root), process.env.PATH].join(delimiter);
  return new Promise((resolve) => {
    execFile(
      "buf",
      args,
      { cwd: root, env: { ...process.env, PATH: path }, maxBuffer: 1 << 26 },
      (error, stdout, stderr) => {
        const missing = error !== null && "code" in error && error.code === "ENOENT";
        const text = missing ? `buf is not installed: ${INSTALL}` : (stdout + stderr).trim();
        const output = /protoc-gen-es.*not found/.test(text) ? `${text}\n${INSTALL}` : text;
        resolve({ ok: error === null, output });
      },
    );
  });
}

/** The settings for a folder of protos: its own or the project's `buf.yaml`, else one module with protocol-safe checks. */
export function bufConfig(root: string, { proto }: ProtoSpec): string[] {
  const own = existsSync(join(root, proto, "buf.yaml"));
  if (own || (!proto.startsWith("..") && existsSync(join(root, "buf.yaml")))) return [];
  const config = { version: "v2", lint: { use: ["STANDARD"] }, breaking: { use: ["WIRE_JSON"] } };
  return ["--config", JSON.stringify(config)];
}
