/** Runs the programs inside workerd, the runtime of Cloudflare Workers, against local servers in this process. */
import { type ChildProcess, spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { basename, join } from "node:path";
import { fetchPackage } from "../../scripts/fetch.ts";
import { folder } from "./project.ts";
import type { SmokeResult } from "./smoke/parts.ts";
import type { PeerAddresses } from "./smoke/peers.ts";
import { workerd } from "./versions.ts";

const RUN_MS = 120_000;

/** Runs all programs. Rejects when workerd cannot be fetched or does not answer. */
export async function runOnWorkerd(script: string, peers: PeerAddresses): Promise<SmokeResult[]> {
  const program = join(await fetchPackage(workerd.package, workerd.version), workerd.program);
  const port = await freePort();
  const config = join(folder, "workerd.capnp");
  writeFileSync(
    config,
    `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = (
      modules = [(name = "worker.mjs", esModule = embed "${basename(script)}")],
      compatibilityDate = "2026-01-01",
    )),
    (name = "internet", network = (allow = ["local"])),
  ],
  sockets = [(name = "http", address = "127.0.0.1:${port}", http = (), service = "main")],
);
`,
  );
  const child = spawn(program, ["serve", config], { cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  child.stdout.on("data", (chunk) => (output += String(chunk)));
  child.stderr.on("data", (chunk) => (output += String(chunk)));
  child.once("error", (error) => (output += String(error)));
  try {
    const response = await ask(`http://127.0.0.1:${port}`, JSON.stringify(peers), child);
    const text = await response.text();
    if (!response.ok) throw new Error(`answered ${response.status}: ${text.slice(0, 300)}`);
    return JSON.parse(text) as SmokeResult[];
  } catch (error) {
    throw new Error(`${String(error)} ${output.trim().slice(0, 600)}`);
  } finally {
    child.kill();
  }
}

/** Asks again while it does not listen yet. */
async function ask(url: string, body: string, child: ChildProcess): Promise<Response> {
  const signal = AbortSignal.timeout(RUN_MS);
  for (;;) {
    try {
      return await fetch(url, { method: "POST", body, signal });
    } catch (error) {
      const { cause } = error as { cause?: { code?: string } };
      if (cause?.code !== "ECONNREFUSED" || child.exitCode !== null || child.pid === undefined) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}
