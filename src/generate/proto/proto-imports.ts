import type { DescEnum, DescMessage } from "@bufbuild/protobuf";

/** The module that protoc-gen-es writes for a file, or ships for google's own. */
function moduleOf(file: string): string {
  return file.startsWith("google/protobuf/")
    ? `@bufbuild/protobuf/wkt/google/protobuf/${file.slice("google/protobuf/".length)}_pb.js`
    : `./${file}_pb.js`;
}

/** The name protoc-gen-es gives a type: nested types have their parents' in front. */
export function tsName(type: DescMessage | DescEnum): string {
  return type.parent === undefined ? type.name : `${tsName(type.parent)}_${type.name}`;
}

/** The imports of generated types (\`type\`), enums (\`value\`) or descriptors (\`schema\`), one line for each module. */
export function importsFrom(
  types: readonly (DescMessage | DescEnum)[],
  kind: "type" | "value" | "schema",
): string {
  const modules = new Map<string, string[]>();
  for (const type of types) {
    const name = kind === "schema" ? `${tsName(type)}Schema` : tsName(type);
    const module = moduleOf(type.file.name);
    modules.set(module, [...(modules.get(module) ?? []), name]);
  }
  return [...modules]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(
      ([module, names]) =>
        `import ${kind === "type" ? "type " : ""}{ ${[...new Set(names)].sort().join(", ")} } from "${module}";\n`,
    )
    .join("");
}
