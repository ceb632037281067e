import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { BROWSER_ENTRIES, bundleForBrowser } from "../scripts/imports/bundle.ts";
import { checkImports, importsOf } from "../scripts/imports/rules.ts";

const root = join(import.meta.dirname, "..");

describe("imports", () => {
  it("go one way", () => {
    expect(checkImports(join(root, "src"))).toEqual([]);
  });

  it("are found in every form", () => {
    const text = `
      import a from "./a.js"; import type { B } from "./b.js"; export * from "./c.js";
      export type { D } from "./d.js"; const e = await import("./e.js"); import "./f.js";`;
    expect(importsOf(text).map(({ specifier, typeOnly }) => `${specifier} ${typeOnly}`)).toEqual([
      "./a.js false",
      "./b.js true",
      "./c.js false",
      "./d.js true",
      "./e.js false",
      "./f.js false",
    ]);
  });
});

describe("entries for browsers", () => {
  it.each(BROWSER_ENTRIES)("%s bundles without Node", async (entry) => {
    expect((await bundleForBrowser(join(root, entry))).gzipped).toBeGreaterThan(500);
  });

  it("one that needs Node does not", async () => {
    const entry = join(root, "src/cap/nats/index.ts");
    await expect(bundleForBrowser(entry)).rejects.toThrow(/Could not resolve "(net|util)"/);
  });
});

describe("package.json", () => {
  const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as Record<
    string,
    Record<string, string>
  >;

  it("has every run-time import of the sources among its dependencies, and no dependency without one", () => {
    const used = new Set<string>();
    for (const folder of ["src", "gen"]) {
      for (const specifier of bareImports(join(root, folder))) used.add(specifier);
    }
    const declared = { ...manifest.dependencies, ...manifest.peerDependencies };
    // Loaded from the project of the user, by names that the compiler does not see.
    for (const name of ["openapi-typescript", "@redocly/openapi-core", "typescript"]) used.add(name);
    for (const name of ["@bufbuild/buf", "@bufbuild/protoc-gen-es"]) used.add(name); // commands
    used.delete("esbuild"); // builds the inspector's page in the repository; the package has it built
    used.add("@nats-io/transport-node"); // a peer whose connections are taken as they are, never imported
    expect([...used].sort()).toEqual(Object.keys(declared).sort());
  });

  it("has every peer as an optional one, at a version that the tests run with, and only loads it late", () => {
    const peers = Object.keys(manifest.peerDependencies ?? {});
    const optional = manifest.peerDependenciesMeta as unknown as Record<string, { optional?: boolean }>;
    expect(peers.filter((name) => !optional[name]?.optional || !manifest.devDependencies![name])).toEqual([]);
    const early = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".ts"))
      .flatMap((name) => staticImports(join(root, "src", name)).map((specifier) => `${name}: ${specifier}`));
    expect(early.filter((line) => peers.some((peer) => line.endsWith(`: ${peer}`)))).toEqual([]);
  });
});

/** Imports that load a module with the file that names it. */
function staticImports(file: string): string[] {
  const text = readFileSync(file, "utf8");
  return [...text.matchAll(/^(?:import|export) (?!type )[^;]*?from "([^"]+)"/gm)].map(([, name]) => name!);
}

function bareImports(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts") && !name.includes("inspector/page/")) // the page is bundled
    .map((name) => join(folder, name))
    .flatMap((file) => importsOf(readFileSync(file, "utf8")))
    .filter(({ specifier }) => !/^(?:\.|#|node:)/.test(specifier))
    .map(({ specifier }) =>
      specifier
        .split("/")
        .slice(0, specifier.startsWith("@") ? 2 : 1)
        .join("/"),
    );
}
