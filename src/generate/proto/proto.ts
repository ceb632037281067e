import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ProtoSpec } from "../config.js";
import { SpecError } from "../finding.js";
import { runtimeOf } from "../openapi/files.js";
import type { Generated } from "../output.js";
import { type MergedSpec, withBase } from "./base.js";
import { emitBlanks } from "./blanks.js";
import { bufConfig, runBuf } from "./buf.js";
import { type BusTypes, type CapSpec, readBusTypes } from "./bus-types.js";
import { emitChecks } from "./checks.js";
import { emitErrors } from "./errors.js";
import { type ErrorsSpec, readErrors } from "./errors-spec.js";
import { emitProtocol } from "./protocol.js";
import { type RulesSpec, readRules } from "./rules-spec.js";
import { emitSubjects } from "./subjects.js";
import { readSubjects, type SubjectsSpec } from "./subjects-spec.js";

/** All that is said about a bus: by its protos, and by the tables beside them. */
export interface BusSpec {
  readonly types: BusTypes;
  readonly subjects: SubjectsSpec;
  readonly rules: RulesSpec | undefined;
  readonly errors: ErrorsSpec | undefined;
}

/**
 * Reads the protos and every table beside them.
 * @throws SpecError naming file and line of what is wrong in a table, or with buf's own text
 */
export async function readBus(root: string, spec: CapSpec, searchPath?: string): Promise<BusSpec> {
  const { cap } = spec;
  const types = await readBusTypes(root, spec, searchPath);
  const subjects = readSubjects(
    root,
    cap.subjects,
    types.payloads.map(({ localName }) => localName),
  );
  return {
    types,
    subjects,
    rules: cap.rules === undefined ? undefined : readRules(root, cap.rules, types, subjects),
    errors: cap.errors === undefined ? undefined : readErrors(root, cap.errors, types.registry),
  };
}

/** The settings of `buf generate`. With `all` it runs the plugin once, and not once per folder. */
const TEMPLATE = JSON.stringify({
  version: "v2",
  plugins: [{ local: "protoc-gen-es", out: ".", strategy: "all", opt: ["target=ts", "import_extension=js"] }],
});

/** The texts of all files with one ending below a folder, by path. */
function filesBelow(folder: string, ending: string): [string, string][] {
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) =>
    name.endsWith(ending),
  );
  return names.sort().map((name) => [name.replaceAll("\\", "/"), readFileSync(join(folder, name), "utf8")]);
}

/**
 * Generates what a folder of protos gives: messages by buf, the tables of the protocol, and a barrel.
 * @throws SpecError with buf's own text when a proto is wrong or a plugin is missing, with file and line when a table is
 */
export function generateProto(root: string, spec: ProtoSpec, searchPath?: string): Promise<Generated> {
  return withBase(root, spec, (merged) => generateMerged(root, spec.proto, merged, searchPath));
}

async function generateMerged(
  root: string,
  from: string,
  { spec, inputs }: MergedSpec,
  searchPath?: string,
): Promise<Generated> {
  const { proto, cap } = spec;
  const out = mkdtempSync(join(tmpdir(), "agentwire-gen-"));
  let messages: [string, string][];
  try {
    const args = ["generate", proto, "--template", TEMPLATE, "-o", out, ...bufConfig(root, spec)];
    const { ok, output } = await runBuf(root, args, searchPath);
    if (!ok) throw new SpecError(`buf generate failed\n${output}`);
    messages = filesBelow(out, "_pb.ts").map(([name, text]) => [
      name,
      withTextDescriptor(withOwnImports(text)),
    ]);
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
  const tables = cap === undefined ? {} : await emitTables(root, { ...spec, cap }, searchPath);
  const files = new Map([...messages, ...Object.entries(tables)]);
  const barrel = [...files.keys()].map((name) => `export * from "./${name.replace(/\.ts$/, ".js")}";\n`);
  // Packages of one name may have messages of one name, so only the files of a bus share a barrel.
  if (cap !== undefined) files.set("index.ts", barrel.join(""));
  return { from, inputs, files, warnings: [] };
}

async function emitTables(root: string, spec: CapSpec, searchPath?: string): Promise<Record<string, string>> {
  const { out } = spec;
  const { types, subjects, rules, errors } = await readBus(root, spec, searchPath);
  const packet = `./${types.packet.file.name}_pb.js`;
  return {
    "blanks.ts": emitBlanks(types),
    ...(rules === undefined ? {} : { "checks.ts": emitChecks(types, rules) }),
    ...(errors === undefined ? {} : { "errors.ts": emitErrors(errors, runtimeOf(root, out)) }),
    "protocol.ts": emitProtocol(types, subjects, rules, errors),
    "subjects.ts": emitSubjects(subjects, packet),
  };
}

/**
 * Imports google's own messages file by file: the index of all of them makes a dozen that nothing here uses, each
 * time a program starts.
 */
function withOwnImports(source: string): string {
  return source.replace(
    /^import \{ (.*) \} from "(@bufbuild\/protobuf\/wkt)";$/gm,
    (_, names: string, index: string) =>
      names
        .split(", ")
        .map((name) => {
          const file = /^file_google_protobuf_(\w+)$/.exec(name);
          return file === null
            ? `import { ${name} } from "${index}";`
            : `import { ${name} } from "${index}/google/protobuf/${file[1]}_pb.js";`;
        })
        .join("\n"),
  );
}

/**
 * Writes the descriptor as text in place of base64: the names in it can be read, and bundles compress it to two
 * thirds of the size.
 */
function withTextDescriptor(source: string): string {
  return source.replace(
    /fileDesc\("([A-Za-z0-9+/=]+)"/,
    (_, base64: string) => `fileDesc(/*@__PURE__*/ btoa(${binaryLiteral(atob(base64))})`,
  );
}

/** A string literal for characters of one byte each, in ASCII. */
function binaryLiteral(bytes: string): string {
  const text = bytes.replace(/[^ !#-[\]-~]/g, (char) => {
    if (char === "\n") return "\\n";
    if (char === '"' || char === "\\") return `\\${char}`;
    return `\\x${char.charCodeAt(0).toString(16).padStart(2, "0")}`;
  });
  return `"${text}"`;
}
