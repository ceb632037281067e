/** Runs the programs in a page of a headless Chromium, across origins, against local servers in this process. */
import { execFileSync, spawn } from "node:child_process";
import { createReadStream, createWriteStream, existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { createBrotliDecompress } from "node:zlib";
import { fetchPackage } from "./fetch.ts";
import type { Project } from "./project.ts";
import type { SmokeResult } from "./smoke/parts.ts";
import type { PeerAddresses } from "./smoke/peers.ts";
import { chromium } from "./versions.ts";

const RUN_MS = 120_000;
const FLAGS = [
  ...["--headless=shell", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-quic"],
  ...["--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
  "--remote-debugging-port=0", // without it this build waits for ever
];

/** Opens a page that runs all programs. Rejects when there is no Chromium, or the page posts nothing. */
export async function runInChromium(
  script: string,
  project: Project,
  peers: PeerAddresses,
): Promise<SmokeResult[]> {
  const { program, libraries } = await findChromium();
  let settle: (results: SmokeResult[]) => void;
  const posted = new Promise<SmokeResult[]>((resolve) => {
    settle = resolve;
  });
  const server = createServer((request, response) => {
    if (request.url === "/page.mjs") {
      response.writeHead(200, { "content-type": "text/javascript" }).end(readFileSync(script));
    } else if (request.url === "/results") {
      let text = "";
      request.on("data", (chunk) => (text += String(chunk)));
      request.on("end", () => {
        settle(JSON.parse(text) as SmokeResult[]);
        response.end();
      });
    } else {
      response.writeHead(200, { "content-type": "text/html" });
      response.end('<!doctype html><title>smoke</title><script type="module" src="/page.mjs"></script>');
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  const page = `http://127.0.0.1:${port}/?peers=${encodeURIComponent(JSON.stringify(peers))}`;
  const profile = join(project.folder, "chromium-profile");
  const child = spawn(program, [...FLAGS, `--user-data-dir=${profile}`, page], {
    env: { ...process.env, LD_LIBRARY_PATH: libraries },
    stdio: ["ignore", "ignore", "pipe"],
    detached: true, // a group of its own, so that its helpers end with it
  });
  let output = "";
  child.stderr.on("data", (chunk) => (output += String(chunk)));
  let over = false;
  const gone = new Promise<void>((resolve) => {
    const ended = (error?: Error | number | null) => {
      over = true;
      if (error instanceof Error) output += String(error);
      resolve();
    };
    child.once("exit", ended);
    child.once("error", ended);
  });
  const end = () => {
    if (!over && child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
  };
  process.once("exit", end);
  let timer: NodeJS.Timeout | undefined;
  try {
    return await Promise.race([
      posted,
      gone.then(() => {
        throw new Error(`ended: ${output.trim().slice(0, 600)}`);
      }),
      new Promise<never>((_, reject) => {
        timer = setTimeout(() => reject(new Error(`no results in ${RUN_MS / 1000} s: ${output}`)), RUN_MS);
      }),
    ]);
  } finally {
    clearTimeout(timer);
    end();
    await gone;
    process.off("exit", end);
    server.close();
    server.closeAllConnections();
    rmSync(profile, { recursive: true, force: true, maxRetries: 3 });
  }
}

/** The program, unpacked once. AGENTWIRE_CHROMIUM names another one. */
export async function findChromium(): Promise<{ readonly program: string; readonly libraries: string }> {
  const given = process.env.AGENTWIRE_CHROMIUM;
  if (given) return { program: given, libraries: process.env.LD_LIBRARY_PATH ?? "" };
  const folder = await fetchPackage(chromium.package, chromium.version);
  const unpacked = join(folder, "unpacked");
  if (!existsSync(join(unpacked, ".done"))) {
    mkdirSync(unpacked, { recursive: true });
    await unbrotli(join(folder, chromium.program), join(unpacked, "chromium"), 0o755);
    for (const name of ["al2023", "swiftshader", "fonts"]) {
      const archive = join(unpacked, `${name}.tar`);
      await unbrotli(join(folder, `bin/${name}.tar.br`), archive, 0o644);
      execFileSync("tar", ["-xf", archive, "-C", unpacked]);
      rmSync(archive);
    }
    createWriteStream(join(unpacked, ".done")).end();
  }
  return { program: join(unpacked, "chromium"), libraries: join(unpacked, "lib") };
}

async function unbrotli(from: string, to: string, mode: number): Promise<void> {
  await pipeline(createReadStream(from), createBrotliDecompress(), createWriteStream(to, { mode }));
}
