import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ProtoConfig } from "../config.js";
import { header } from "../emit.js";
import { SpecError } from "../finding.js";
import { emitBlanks } from "./blanks.js";
import { runBuf } from "./buf.js";
import { type BusTypes, readBusTypes } from "./bus-types.js";
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
export async function readBus(root: string, config: ProtoConfig, searchPath?: string): Promise<BusSpec> {
  const types = await readBusTypes(root, config, searchPath);
  const subjects = readSubjects(
    root,
    config.subjects,
    types.payloads.map(({ localName }) => localName),
  );
  return {
    types,
    subjects,
    rules: config.rules === undefined ? undefined : readRules(root, config.rules, types, subjects),
    errors: config.errors === undefined ? undefined : readErrors(root, config.errors, types.registry),
  };
}

/**
 * Generates the protobuf half into `out`: messages by buf, then the tables of the protocol, then a barrel.
 * @throws SpecError with buf's own text when a proto is wrong or a plugin is missing, with file and line when a table is
 */
export async function generateProto(
  root: string,
  config: ProtoConfig,
  out: string,
  searchPath?: string,
): Promise<void> {
  const { ok, output } = await runBuf(root, ["generate", "-o", out], searchPath);
  if (!ok) throw new SpecError(`buf generate failed\n${output}`);

  const folder = join(out, config.output);
  mkdirSync(folder, { recursive: true });
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((name) => name.replaceAll("\\", "/"))
    .filter((name) => name.endsWith("_pb.ts"))
    .sort();
  for (const name of files) {
    const path = join(folder, name);
    const from = `${config.input}/${name.replace(/_pb\.ts$/, ".proto")}`;
    writeFileSync(path, `${header(from)}\n${withTextDescriptor(withOwnImports(readFileSync(path, "utf8")))}`);
  }

  const { types, subjects, rules, errors } = await readBus(root, config, searchPath);
  const packet = `./${config.packet.replace(/\.proto$/, "_pb.js")}`;
  const tables = {
    "blanks.ts": emitBlanks(types, config.input),
    ...(rules === undefined ? {} : { "checks.ts": emitChecks(types, rules, config.rules!) }),
    ...(errors === undefined ? {} : { "errors.ts": emitErrors(errors, config.output) }),
    "protocol.ts": emitProtocol(types, subjects, rules, errors, config.input),
    "subjects.ts": emitSubjects(subjects, packet),
  };
  for (const [name, text] of Object.entries(tables)) writeFileSync(join(folder, name), text);
  const modules = [...files, ...Object.keys(tables)].map(
    (name) => `export * from "./${name.replace(/\.ts$/, ".js")}";\n`,
  );
  writeFileSync(join(folder, "index.ts"), `${header(config.input)}\n${modules.join("")}`);
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
          if (file === null) throw new SpecError(`${name} of ${index} has no file of its own here`);
          return `import { ${name} } from "${index}/google/protobuf/${file[1]}_pb.js";`;
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
