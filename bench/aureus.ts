/** `pnpm bench aureus`: calls of the Aureus clients against bare fetch doing the same JSON call. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { AureusClient, AureusConsoleClient, type PolicyContext } from "../src/aureus/index.js";
import type { Measured } from "./measure.ts";
import { formatMeasured, measure } from "./measure.ts";

const root = join(import.meta.dirname, "..");

const context: PolicyContext = {
  principal: {
    id: "agent-001",
    type: "agent",
    permissions: [{ action: "read", resource: "database", intent: "read", dataZone: "internal" }],
  },
  action: {
    id: "read-records",
    name: "Read Records",
    riskTier: "low",
    requiredPermissions: [{ action: "read", resource: "database", intent: "read", dataZone: "internal" }],
  },
  currentState: "evaluating",
  auditLog: [],
};
/** The same as the wire has it. */
const wire = {
  principal: {
    id: "agent-001",
    type: "agent",
    permissions: [{ action: "read", resource: "database", intent: "read", data_zone: "internal" }],
  },
  action: {
    id: "read-records",
    name: "Read Records",
    risk_tier: "low",
    required_permissions: [{ action: "read", resource: "database", intent: "read", data_zone: "internal" }],
  },
  current_state: "evaluating",
  audit_log: [],
};
const answer = JSON.stringify({
  allowed: true,
  reason: "Low risk action approved",
  requires_human_approval: false,
});
const headers = {
  accept: "application/json",
  "content-type": "application/json",
  authorization: "Bearer key",
};

/** A server in a process of its own, so that it takes no time of the client's. */
const serverCode = `
import { createServer } from "node:http";
const answer = ${JSON.stringify(answer)};
createServer((request, response) => {
  request.resume().on("end", () => response.writeHead(200, { "content-type": "application/json", "content-length": answer.length }).end(answer));
}).listen(0, "127.0.0.1", function () { console.log(this.address().port); });`;

function bare(url: string, send: typeof fetch): () => Promise<unknown> {
  return async () => {
    const response = await send(url, {
      method: "POST",
      headers,
      body: JSON.stringify(wire),
      redirect: "manual",
    });
    return response.json();
  };
}

function serial(work: () => Promise<unknown>) {
  return async (times: number): Promise<void> => {
    for (let i = 0; i < times; i++) await work();
  };
}

function parallel(work: () => Promise<unknown>) {
  return async (times: number): Promise<void> => {
    for (let left = times; left > 0; left -= 16) {
      await Promise.all(Array.from({ length: Math.min(16, left) }, work));
    }
  };
}

/** What a user's bundle holds who imports only `names`, and how long it takes to load. */
async function loaded(names: string): Promise<string> {
  const result = await build({
    stdin: { contents: `export { ${names} } from "./src/aureus/index.ts";`, resolveDir: root, loader: "ts" },
    bundle: true,
    write: false,
    minify: true,
    platform: "browser",
    format: "esm",
    target: "es2022",
    logLevel: "silent",
  });
  const [file] = result.outputFiles;
  const code = Buffer.from(file!.contents).toString("base64");
  const times: number[] = [];
  for (let i = 0; i < 5; i++) {
    const program = `const t = performance.now(); await import("data:text/javascript;base64,${code}"); console.log(performance.now() - t);`;
    const child = spawn(process.execPath, ["--input-type=module"], { stdio: ["pipe", "pipe", "inherit"] });
    child.stdin.end(program);
    const [out] = (await once(child.stdout, "data")) as [Buffer];
    times.push(Number(out.toString()));
  }
  const importMs = times.sort((a, b) => a - b)[2]!.toFixed(1);
  const kB = (gzipSync(file!.contents).length / 1000).toFixed(1);
  return `  ${names.padEnd(32)} ${kB.padStart(6)} kB min+gzip  ${importMs.padStart(6)} ms to import`;
}

/** Runs the benchmark and prints its tables. */
export async function benchAureus(): Promise<Measured[]> {
  const child = spawn(process.execPath, ["--input-type=module", "-e", serverCode], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  try {
    const [port] = (await once(child.stdout, "data")) as [Buffer];
    const baseUrl = `http://127.0.0.1:${Number(port.toString())}`;
    const url = `${baseUrl}/api/v1/policy/evaluate`;
    const client = new AureusClient({ baseUrl, apiKey: "key" });
    const console_ = new AureusConsoleClient({ baseUrl, token: "key" });
    const { principal, action } = context;
    const simulate = () => console_.simulatePolicy(action as never, principal as never);
    const network = await measure([
      { name: "bare fetch, one at a time", run: serial(bare(url, fetch)) },
      {
        name: "AureusClient, one at a time",
        run: serial(() => client.evaluatePolicy(context)),
        against: "bare fetch, one at a time",
      },
      {
        name: "AureusConsoleClient, one at a time",
        run: serial(simulate),
        against: "bare fetch, one at a time",
      },
      { name: "bare fetch, 16 at once", run: parallel(bare(url, fetch)) },
      {
        name: "AureusClient, 16 at once",
        run: parallel(() => client.evaluatePolicy(context)),
        against: "bare fetch, 16 at once",
      },
    ]);
    console.log(formatMeasured("Calls over loopback", network));

    const still: typeof fetch = async () =>
      new Response(answer, {
        headers: { "content-type": "application/json", "content-length": String(answer.length) },
      });
    const offline = new AureusClient({ baseUrl, apiKey: "key", fetch: still });
    const alone = await measure([
      { name: "bare, no network", run: serial(bare(url, still)) },
      {
        name: "AureusClient, no network",
        run: serial(() => offline.evaluatePolicy(context)),
        against: "bare, no network",
      },
    ]);
    console.log(formatMeasured("Calls without network", alone));
    const [base, ours] = alone.map(({ perSecond }) => 1e6 / perSecond);
    console.log(`  ${(ours! - base!).toFixed(1)} us added to ${base!.toFixed(1)} us`);
    console.log("What a bundle takes");
    for (const names of ["AureusClient", "AureusClient, Telemetry", "AureusConsoleClient"])
      console.log(await loaded(names));
    return [...network, ...alone];
  } finally {
    child.kill();
  }
}
