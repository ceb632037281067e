/** What comes with the package: whose licence it has, what runs when it is installed, and where it comes from. */
import { existsSync, readFileSync, realpathSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";

const root = join(import.meta.dirname, "..");

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly license?: string;
  readonly scripts?: Readonly<Record<string, string>>;
  readonly dependencies?: Readonly<Record<string, string>>;
}
interface Lockfile {
  readonly packages: Readonly<Record<string, { readonly resolution: Readonly<Record<string, string>> }>>;
}

const readManifest = (folder: string) =>
  JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as Manifest;

/** The folder of a dependency, as Node would find it from the folder of what needs it. */
function folderOf(name: string, from: string): string {
  for (let at = from; ; at = dirname(at)) {
    const found = join(at, "node_modules", name);
    if (existsSync(join(found, "package.json"))) return realpathSync(found);
    if (at === dirname(at)) throw new Error(`${name} is not installed, and ${from} needs it`);
  }
}

/** Everything that `npm install agentwire` brings, without optional peers. */
function installed(): [folder: string, manifest: Manifest][] {
  const found = new Map<string, Manifest>();
  const open = [root];
  for (let folder = open.pop(); folder !== undefined; folder = open.pop()) {
    const manifest = readManifest(folder);
    if (folder !== root) found.set(folder, manifest);
    for (const name of Object.keys(manifest.dependencies ?? {})) {
      const next = folderOf(name, folder);
      if (!found.has(next)) open.push(next);
    }
  }
  return [...found];
}

describe("what npm install brings", () => {
  const packages = installed();

  it("is found whole", () => {
    const names = packages.map(([, { name }]) => name);
    expect(names).toEqual(expect.arrayContaining(["nats", "undici", "tweetnacl", "fast-deep-equal"]));
  });

  it.each(
    packages.map(([folder, manifest]) => [`${manifest.name} ${manifest.version}`, folder, manifest] as const),
  )(
    "%s has a licence that lets anybody use it, and runs nothing when it is installed",
    (_, folder, { license, scripts = {} }) => {
      expect(["MIT", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "0BSD", "Unlicense"]).toContain(
        license?.replace(/^\(?(Apache-2\.0) AND BSD-3-Clause\)?$/, "$1"),
      );
      for (const when of ["preinstall", "install", "postinstall"]) expect(scripts).not.toHaveProperty(when);
      expect(existsSync(join(folder, "binding.gyp"))).toBe(false);
    },
  );
});

describe("this package", () => {
  it("runs nothing when it is installed", () => {
    const { scripts = {} } = readManifest(root);
    for (const when of ["preinstall", "install", "postinstall", "prepare"])
      expect(scripts).not.toHaveProperty(when);
  });

  it("has a lockfile in which every package comes from the registry, with its SHA-512", () => {
    const { packages } = parse(readFileSync(join(root, "pnpm-lock.yaml"), "utf8")) as Lockfile;
    const entries = Object.entries(packages);
    expect(entries.length).toBeGreaterThan(100);
    for (const [name, { resolution }] of entries) {
      expect(Object.keys(resolution), name).toEqual(["integrity"]);
      expect(resolution.integrity, name).toMatch(/^sha512-[\w+/]{86}==$/);
    }
  });
});
