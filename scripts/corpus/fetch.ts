import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { CorpusPackage } from "./packages.ts";

const run = promisify(execFile);

/** An archive as the registry serves it, and how its content gets into a folder. */
interface Archive {
  readonly file: string;
  unpack(folder: string): Promise<unknown>;
}

/** Runs a client in `cwd`. The registry is the one that the machine is set up for. */
async function client(cwd: string, command: string, ...args: string[]): Promise<string> {
  const { stdout } = await run(command, args, { cwd, maxBuffer: 1 << 26, timeout: 300_000 });
  return stdout;
}

function onlyFile(folder: string): string {
  const [name, ...others] = readdirSync(folder);
  if (name === undefined || others.length > 0)
    throw new Error(`expected one archive, found ${others.length + 1}`);
  return join(folder, name);
}

const untar = (file: string) => (folder: string) =>
  run("tar", ["-xzf", file, "-C", folder, "--strip-components=1"]);

/** How each registry's own client downloads one package, without what it depends on. */
const clients: Readonly<
  Record<CorpusPackage["registry"], (item: CorpusPackage, folder: string) => Promise<Archive>>
> = {
  npm: async ({ name, version }, folder) => {
    await client(folder, "npm", "pack", "--silent", `${name}@${version}`);
    const file = onlyFile(folder);
    return { file, unpack: untar(file) };
  },
  pypi: async ({ name, version }, folder) => {
    await client(
      folder,
      "pip",
      "download",
      "--quiet",
      "--no-deps",
      "--only-binary=:all:",
      `${name}==${version}`,
    );
    const file = onlyFile(folder);
    return { file, unpack: (to) => run("python3", ["-m", "zipfile", "-e", file, to]) };
  },
  go: async ({ name, version }, folder) => {
    const text = await client(folder, "go", "mod", "download", "-json", `${name}@${version}`);
    const { Zip: file, Dir: source } = JSON.parse(text) as { Zip: string; Dir: string };
    // The module cache is not writable, and its copy must be.
    return { file, unpack: (to) => run("cp", ["-R", "--no-preserve=mode", `${source}/.`, to]) };
  },
  crates: async ({ name, version }, folder) => {
    await client(folder, "cargo", "info", "--quiet", `${name}@${version}`);
    const cache = join(process.env.CARGO_HOME ?? join(homedir(), ".cargo"), "registry", "cache");
    const archives = readdirSync(cache).map((registry) => join(cache, registry, `${name}-${version}.crate`));
    const file = archives.find(existsSync);
    if (file === undefined) throw new Error(`cargo left no ${name}-${version}.crate in its cache`);
    return { file, unpack: untar(file) };
  },
};

/** The first line of what a client said, or of why it could not run. */
function reasonOf(error: unknown): string {
  if ((error as NodeJS.ErrnoException).code === "ENOENT")
    return `${(error as NodeJS.ErrnoException).path} is not installed`;
  const { stderr = "", message } = error as Error & { stderr?: string };
  return (stderr.trim() || message).split("\n").find((line) => line.trim() !== "") ?? "failed";
}

/** A package in the cache, or why it is not there. */
export type Fetched = { readonly folder: string } | { readonly reason: string };

/** Fetches a package into `cache`, unless it is there. An archive with another hash than the pinned one is refused. */
export async function fetchPackage(cache: string, item: CorpusPackage): Promise<Fetched> {
  const folder = join(cache, `${item.name}@${item.version}`.replaceAll("/", "+"));
  if (existsSync(folder)) return { folder };
  mkdirSync(cache, { recursive: true });
  const work = mkdtempSync(join(cache, "fetch-"));
  try {
    const download = join(work, "download");
    const content = join(work, "content");
    mkdirSync(download);
    mkdirSync(content);
    const archive = await clients[item.registry](item, download);
    const sha256 = createHash("sha256").update(readFileSync(archive.file)).digest("hex");
    if (sha256 !== item.sha256) return { reason: `sha256 is ${sha256}, expected ${item.sha256}` };
    await archive.unpack(content);
    renameSync(content, folder);
    return { folder };
  } catch (error) {
    return { reason: reasonOf(error) };
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
