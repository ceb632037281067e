/**
 * `pnpm specs:corpus`: generates clients from real published documents and compiles them. `--long` takes the documents
 * of `long: true` too, `--quick` leaves out protos, what is larger than 300 kB and what comes from Go and crates, `--write` puts the table into
 * docs/real-documents.md, `--json FILE` writes all that was found, and names of documents or protos limit the run to
 * them. Exits with 1 when a comparison does not find what was changed, and with `--floor N` when fewer than N documents
 * compile both as they are and with camelCase.
 */
import { readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { compileErrors } from "./corpus/compile.ts";
import { type DocumentRow, runDocument } from "./corpus/documents.ts";
import { fetchPackage } from "./corpus/fetch.ts";
import { packages } from "./corpus/packages.ts";
import { type ProtoRow, runProtos } from "./corpus/protos.ts";
import { markdown, type Report } from "./corpus/table.ts";

const root = join(import.meta.dirname, "..");
const cache = join(root, ".cache", "corpus");
/** Documents whose breaks are counted. */
const compared = "anthropic openai dialogporten ory hydra rclone shipengine rm30-petstore github".split(" ");

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    long: { type: "boolean" },
    quick: { type: "boolean" },
    write: { type: "boolean" },
    json: { type: "string" },
    floor: { type: "string" },
  },
});
const isWanted = (name: string) => positionals.length === 0 || positionals.includes(name);

rmSync(join(cache, "out"), { recursive: true, force: true });
const documents: DocumentRow[] = [];
const protos: ProtoRow[] = [];
const missing: Record<string, string> = {};
for (const item of packages) {
  if (item.long && !values.long) continue;
  const names = Object.keys(item.documents ?? {});
  if (![...names, ...(item.protos ? [item.protos.name] : [])].some(isWanted)) continue;
  if (values.quick && (item.registry === "go" || item.registry === "crates")) {
    missing[item.name] = `left out by --quick: it comes from ${item.registry}`;
    continue;
  }
  const fetched = await fetchPackage(cache, item);
  if ("reason" in fetched) {
    missing[item.name] = fetched.reason;
    continue;
  }
  for (const [name, file] of Object.entries(item.documents ?? {}).filter(([name]) => isWanted(name))) {
    const input = `${fetched.folder.slice(cache.length + 1)}/${file}`;
    if (values.quick && statSync(join(cache, input)).size > 300_000) {
      console.error(`${name}: left out by --quick: larger than 300 kB`);
      continue;
    }
    const row = await runDocument(cache, name, input, compared.includes(name));
    documents.push(row);
    const peak = Math.round(process.resourceUsage().maxRSS / 1024);
    console.error(`${name}: ${row.seconds.toFixed(2)} s; peak memory of the run so far ${peak} MB`);
  }
  if (item.protos !== undefined && !values.quick)
    protos.push(await runProtos(cache, fetched.folder, item.protos));
}

const errors = (mode: string) => compileErrors(join(cache, "out", mode));
const [asIs, camelCase, messages] = [errors("default"), errors("camelCase"), errors("protos")];
const report: Report = {
  documents: documents
    .map((row) => ({
      ...row,
      compiles: asIs.get(row.name) ?? row.compiles,
      camelCase: row.camelCase === "ok" ? (camelCase.get(row.name) ?? "ok") : row.camelCase,
    }))
    .sort((a, b) => (a.name < b.name ? -1 : 1)),
  protos: protos.map((row) => ({ ...row, compiles: messages.get(row.name) ?? row.compiles })),
  missing,
};
console.log(markdown(report));
for (const [mode, found] of Object.entries({ asIs, camelCase, messages })) {
  const elsewhere = found.get("(elsewhere)");
  if (elsewhere !== undefined) console.error(`${mode}: outside of the generated files: ${elsewhere}`);
}
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(report, undefined, 2)}\n`);
if (values.write) {
  const page = join(root, "docs", "real-documents.md");
  const marker = "<!-- corpus -->\n";
  const [head] = readFileSync(page, "utf8").split(marker);
  writeFileSync(page, `${head}${marker}\n${markdown(report)}`);
}
const broken = report.documents.filter(({ breaks }) => breaks && breaks.found.join() !== "0,1,0");
for (const { name, breaks } of broken)
  console.error(`${name}: expected 0, 1 and 0 breaks, found ${JSON.stringify(breaks)}`);
const sound = report.documents.filter(({ compiles, camelCase }) => compiles === "ok" && camelCase === "ok");
const floor = Number(values.floor ?? 0);
if (sound.length < floor) console.error(`${sound.length} documents compile in both modes, expected ${floor}`);
process.exitCode = broken.length > 0 || sound.length < floor ? 1 : 0;
