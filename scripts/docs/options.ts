/** docs/options.md: the options of every client with type, unit and default, generated from their doc comments. */
import { join } from "node:path";
import ts from "typescript";
import { packageEntries } from "../sizes/entries.ts";

/** Entry points, and what takes options there. */
const CLIENTS: Readonly<Record<string, readonly string[]>> = {
  "agentwire/http": ["ClientOptions", "CallOptions"],
  agentwire: ["RetryOptions"],
  "agentwire/cap": ["Agent", "Worker", "JobClient"],
  "agentwire/cap/nats": ["natsAgent", "connectNats"],
  "agentwire/cap/jetstream": ["openJetStream"],
  "agentwire/cap/redis": ["RedisBlobStore", "RedisResultCache"],
  "agentwire/cap/file": ["FileBlobStore"],
  "agentwire/cap/safety": ["SafetyClient"],
  "agentwire/neuron": ["Neuron"],
  "agentwire/neuron/auth": ["createClientCredentialsAuth", "enroll"],
  "agentwire/aureus": ["AureusClient", "AureusConsoleClient", "Telemetry"],
  "agentwire/4runr": ["GatewayClient", "GatewayAdmin"],
};
const UNITS = [
  [/Ms$/, "ms"],
  [/Seconds$/, "s"],
  [/Bytes$/, "bytes"],
] as const;

const HEADER = "| Option | Type or unit | Default | Meaning |\n| --- | --- | --- | --- |";

/** The reference as Markdown. */
export function optionsReference(root: string): string {
  const { config } = ts.readConfigFile(join(root, "tsconfig.json"), ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, root);
  const entries = packageEntries(root).filter(({ name }) => CLIENTS[name] !== undefined);
  const program = ts.createProgram(
    entries.map(({ source }) => join(root, source)),
    options,
  );
  const checker = program.getTypeChecker();
  /** Where each declaration is described: options that clients share are described once. */
  const described = new Map<ts.Declaration | undefined, string>();
  const sections = Object.entries(CLIENTS).flatMap(([entry, names]) => {
    const { source } = entries.find(({ name }) => name === entry)!;
    const symbols = checker.getExportsOfModule(
      checker.getSymbolAtLocation(program.getSourceFile(join(root, source))!)!,
    );
    return names.map((name) => {
      const found = symbols.find((symbol) => symbol.name === name);
      if (found === undefined) throw new Error(`${entry} does not export ${name}`);
      const symbol = found.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(found) : found;
      const shared: Record<string, string[]> = {};
      const rows = propertiesOf(optionsType(symbol, checker)).flatMap((property) => {
        const first = described.get(property.declarations?.[0]);
        if (first === undefined) {
          described.set(property.declarations?.[0], name);
          return [row(property, checker)];
        }
        shared[first] = [...(shared[first] ?? []), `\`${property.name}\``];
        return [];
      });
      const also = Object.entries(shared).map(
        ([first, options]) => `As for [${first}](#${first.toLowerCase()}): ${options.join(", ")}.\n`,
      );
      const table = rows.length === 0 ? [] : [`${HEADER}\n${rows.join("\n")}\n`];
      return [`## ${name}\n\nFrom \`${entry}\`.\n`, ...table, ...also].join("\n");
    });
  });
  return `# Options

Generated from the doc comments. An option marked * is required. Times are in milliseconds, sizes in bytes. Where an
[environment variable](environment.md) says the same, the option wins.

${sections.join("\n")}`;
}

/** What a class, a function or an interface takes: the last parameter that is an object, or the interface itself. */
function optionsType(symbol: ts.Symbol, checker: ts.TypeChecker): ts.Type {
  const type = checker.getTypeOfSymbol(symbol);
  const [signature] = [...type.getConstructSignatures(), ...type.getCallSignatures()];
  const parameter = signature?.parameters.findLast(({ name }) => name === "options" || name === "init");
  if (parameter === undefined) return checker.getDeclaredTypeOfSymbol(symbol);
  return checker.getNonNullableType(checker.getTypeOfSymbol(parameter));
}

/** Of all members of a union. */
function propertiesOf(type: ts.Type): ts.Symbol[] {
  const all = (type.isUnion() ? type.types : [type]).flatMap((part) => part.getProperties());
  return [...new Map(all.map((property) => [property.name, property])).values()];
}

function row(property: ts.Symbol, checker: ts.TypeChecker): string {
  const comment = ts
    .displayPartsToString(property.getDocumentationComment(checker))
    .replace(/\{@link ([^}]+)\}/g, "`$1`")
    .replace(/\s+/g, " ")
    .trim();
  const [, fallback = ""] = /\bDefault: (.+?)(?:\.(?= |$)|$)/.exec(comment) ?? [];
  const meaning = comment.replace(/ ?\bDefault: .+?(?:\.(?= |$)|$)/, "").trim();
  const isOptional = (property.flags & ts.SymbolFlags.Optional) !== 0;
  const unit = UNITS.find(([pattern]) => pattern.test(property.name))?.[1];
  const cells = [
    `\`${property.name}\`${isOptional ? "" : " *"}`,
    unit ?? typeText(checker.getNonNullableType(checker.getTypeOfSymbol(property)), checker),
    fallback,
    meaning,
  ];
  return `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
}

/** A type as a reader needs it: short, or just what kind of value it is. */
function typeText(type: ts.Type, checker: ts.TypeChecker): string {
  if (checker.getSignaturesOfType(type, ts.SignatureKind.Call).length > 0) return "function";
  const text = checker.typeToString(type, undefined, ts.TypeFormatFlags.NoTruncation);
  return text.length <= 60 ? `\`${text}\`` : "object";
}
