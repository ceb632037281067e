import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type BuildResult, build } from "esbuild";
import { describe, expect, it } from "vitest";
import * as root from "../../src/index.ts";
import { req } from "../requirements/index.ts";

const repo = join(import.meta.dirname, "../..");
const core = join(repo, "src/core");

async function bundled(): Promise<BuildResult<{ metafile: true }>> {
  return build({
    entryPoints: [join(repo, "src/index.ts")],
    absWorkingDir: repo,
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "browser",
    outdir: "unused",
    write: false,
    metafile: true,
    logLevel: "silent",
  });
}

describe("the package root", () => {
  it(
    req("core.entry.browser", "bundles for a browser, with the validator's code in chunks of its own"),
    async () => {
      const { metafile } = await bundled();
      const outputs = Object.values(metafile.outputs);
      const entry = outputs.find((output) => output.entryPoint === "src/index.ts")!;
      const statically = new Set<string>();
      const follow = (output: (typeof outputs)[number]): void => {
        for (const input of Object.keys(output.inputs)) statically.add(input);
        for (const { path, kind } of output.imports) {
          if (kind === "import-statement") follow(metafile.outputs[path]!);
        }
      };
      follow(entry);
      expect([...statically].filter((input) => input.includes("node_modules"))).toEqual([]);
      const all = outputs.flatMap((output) => Object.keys(output.inputs));
      expect(all.some((input) => input.includes("ajv/dist/2020.js"))).toBe(true);
      expect(all.some((input) => input.includes("ajv-draft-04"))).toBe(true);
      expect(outputs.flatMap((output) => output.imports).filter(({ external }) => external)).toEqual([]);
    },
  );

  it("exports exactly this at run time", () => {
    expect(Object.keys(root).sort()).toEqual(
      [
        "AbortError",
        "AgentwireError",
        "AuthError",
        "ClosedError",
        "ConflictError",
        "ConnectionError",
        "NotFoundError",
        "PolicyDeniedError",
        "ProtocolError",
        "RateLimitError",
        "Secret",
        "TimeoutError",
        "UnsupportedError",
        "UpstreamError",
        "VERSION",
        "ValidationError",
        "ajvValidator",
        "backoffMs",
        "health",
        "jsonSchema",
        "retry",
      ].sort(),
    );
  });

  it("tells the version that package.json has", () => {
    const { version } = JSON.parse(readFileSync(join(repo, "package.json"), "utf8")) as { version: string };
    expect(root.VERSION).toBe(version);
  });
});

describe("src/core", () => {
  const files = readdirSync(core).filter((name) => name.endsWith(".ts"));
  const textOf = (name: string): string => readFileSync(join(core, name), "utf8");
  const imports = (name: string): string[] =>
    [...textOf(name).matchAll(/(?:from|import\()\s*"([^"]+)"/g)].map(([, specifier]) => specifier!);

  it("imports only its own files and the validator's packages", () => {
    // Types of Node's modules are fine; test/package.test.ts sees to it that nothing more is imported of them.
    const foreign = files.flatMap((name) =>
      imports(name).filter((specifier) => !/^(?:\.\/[\w-]+\.js$|node:)/.test(specifier)),
    );
    expect(new Set(foreign.map((specifier) => specifier.split("/")[0]))).toEqual(
      new Set(["ajv", "ajv-draft-04"]),
    );
  });

  it("names no protocol", () => {
    const named = files.filter((name) => /\b(?:cap|nats|neuron|aureus|4runr|fourRunr)\b/i.test(textOf(name)));
    expect(named).toEqual([]);
  });

  it("has no cycle of imports", () => {
    const done = new Set<string>();
    const walk = (name: string, above: readonly string[]): void => {
      expect(above, `cycle: ${[...above, name].join(" -> ")}`).not.toContain(name);
      if (done.has(name)) return;
      for (const specifier of imports(name)) {
        if (specifier.startsWith("./")) walk(specifier.slice(2).replace(/\.js$/, ".ts"), [...above, name]);
      }
      done.add(name);
    };
    for (const name of files) walk(name, []);
    expect(done.size).toBe(files.length);
  });
});
