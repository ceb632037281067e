import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runBuf } from "./buf.ts";
import type { ProtoConfig } from "./config.ts";
import { header } from "./emit.ts";
import { SpecError } from "./finding.ts";
import { emitSubjects } from "./subjects.ts";
import { oneofCases, readSubjects } from "./subjects-spec.ts";

/**
 * Generates the protobuf half into `out`: messages by buf, the subject table, a barrel.
 * @throws SpecError with buf's own text when a proto is wrong or a plugin is missing
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

  const payloads = oneofCases(readFileSync(join(root, config.input, config.packet), "utf8"), "payload");
  const packet = `./${config.packet.replace(/\.proto$/, "_pb.js")}`;
  writeFileSync(
    join(folder, "subjects.ts"),
    emitSubjects(readSubjects(root, config.subjects, payloads), packet),
  );
  const modules = [...files, "subjects.ts"].map(
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
