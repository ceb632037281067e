/** What every entry point of the package exports, with the first sentence of its doc comment. */
import { join } from "node:path";
import ts from "typescript";
import { packageEntries } from "../sizes/entries.ts";

/** A name that can be imported. */
export interface Exported {
  readonly name: string;
  readonly kind: "class" | "function" | "type" | "value";
  /** First sentence; empty where there is no doc comment. */
  readonly summary: string;
  /** The whole comment. */
  readonly comment: string;
}

/** An entry and its exports. */
export interface EntryExports {
  readonly entry: string;
  /** What the file says of itself. */
  readonly summary: string;
  readonly exports: readonly Exported[];
}

/** Reads all entries with the compiler, from the sources. */
export function entryExports(root: string): EntryExports[] {
  const entries = packageEntries(root);
  const { config } = ts.readConfigFile(join(root, "tsconfig.json"), ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, root);
  const files = entries.map(({ source }) => join(root, source));
  const program = ts.createProgram(files, { ...options, types: [] });
  const checker = program.getTypeChecker();
  return entries.map(({ name, source }) => {
    const file = program.getSourceFile(join(root, source))!;
    const symbols = checker.getExportsOfModule(checker.getSymbolAtLocation(file)!);
    const exports = symbols
      .filter((symbol) => symbol.name !== "default")
      .map((symbol): Exported => {
        const real = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
        const own = ts.displayPartsToString(symbol.getDocumentationComment(checker));
        const comment = own || ts.displayPartsToString(real.getDocumentationComment(checker));
        return { name: symbol.name, kind: kindOf(real), summary: firstSentence(comment), comment };
      })
      .sort((a, b) => (a.name < b.name ? -1 : 1));
    return { entry: name, summary: fileComment(file.text), exports };
  });
}

function kindOf({ flags }: ts.Symbol): Exported["kind"] {
  if (flags & ts.SymbolFlags.Class) return "class";
  if (flags & ts.SymbolFlags.Function) return "function";
  return flags & ts.SymbolFlags.Value ? "value" : "type";
}

function firstSentence(comment: string): string {
  const [sentence = ""] = comment
    .replace(/\s+/g, " ")
    .trim()
    .split(/(?<=\.)\s/);
  return sentence.replace(/\{@link ([^}]+)\}/g, "$1");
}

function fileComment(text: string): string {
  const comment = /^\/\*\*([\s\S]*?)\*\//.exec(text)?.[1] ?? "";
  return firstSentence(comment.replace(/^\s*\* ?/gm, " "));
}
