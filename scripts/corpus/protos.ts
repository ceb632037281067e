import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runBuf } from "../../src/generate/proto/buf.ts";
import type { Outcome } from "./documents.ts";
import type { CorpusProtos } from "./packages.ts";

/** What became of one set of protos. */
export interface ProtoRow {
  readonly name: string;
  readonly files: number;
  readonly generated: Outcome;
  readonly compiles: Outcome;
  readonly seconds: number;
}

function protosBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".proto"));
}

/** Generates the messages of one set of protos into `out/protos/<name>` below the cache. */
export async function runProtos(cache: string, folder: string, protos: CorpusProtos): Promise<ProtoRow> {
  const { name, roots, only = [] } = protos;
  const project = join(cache, "protos", name);
  const output = join(cache, "out", "protos", name);
  rmSync(project, { recursive: true, force: true });
  mkdirSync(project, { recursive: true });
  const modules = roots.map((root) => ({ path: root, ...(only.length > 0 && { includes: only }) }));
  // buf requires the workspace at the root of its modules, and the package may have one of another kind. JSON is YAML.
  for (const file of ["buf.lock", "buf.work.yaml", "buf.gen.yaml"])
    rmSync(join(folder, file), { force: true });
  const workspace = JSON.stringify({ version: "v2", modules });
  const plugin = {
    local: "protoc-gen-es",
    out: output,
    strategy: "all",
    opt: ["target=ts", "import_extension=js"],
  };
  writeFileSync(join(folder, "buf.yaml"), workspace);
  writeFileSync(join(project, "buf.gen.yaml"), JSON.stringify({ version: "v2", plugins: [plugin] }));
  const start = performance.now();
  const result = await runBuf(folder, ["generate", "--template", join(project, "buf.gen.yaml")]);
  const seconds = (performance.now() - start) / 1000;
  const files = (only.length > 0 ? only : roots).flatMap((root) => protosBelow(join(folder, root))).length;
  const generated = result.ok ? "ok" : (result.output.split("\n")[0] ?? "failed");
  return { name, files, generated, compiles: result.ok ? "ok" : "not generated", seconds };
}
