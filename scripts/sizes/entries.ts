/** The entry points of the package, from its manifest: their names, built files and sources. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

/** An entry that can be imported. */
export interface Entry {
  /** As a user imports it, such as `agentwire/cap`. */
  readonly name: string;
  /** Built file, relative to the root. */
  readonly built: string;
  /** Source file, relative to the root. */
  readonly source: string;
}

/** All entries but the spec files and the manifest, in the order of the manifest. */
export function packageEntries(root: string): Entry[] {
  const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
    exports: Record<string, string | { readonly default: string }>;
  };
  return Object.entries(manifest.exports).flatMap(([name, target]) => {
    if (typeof target === "string" || name.includes("*")) return [];
    const built = target.default.replace(/^\.\//, "");
    const source = built.replace(/^dist\//, "").replace(/\.js$/, ".ts");
    return [{ name: name.replace(/^\./, "agentwire"), built, source }];
  });
}
