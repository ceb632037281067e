/**
 * `pnpm docs:api`: the reference of every entry that is written by hand, as a site in `.cache/docs/api`.
 * Fails on every warning: an export without a comment, a link that leads nowhere.
 *
 * typedoc is fetched into `.cache/`; it would be the largest of the development tools.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fetchPackage } from "./fetch.ts";
import { packageEntries } from "./sizes/entries.ts";

const root = join(import.meta.dirname, "..");
const out = join(root, ".cache/docs");
const TYPEDOC = "0.28.20";

const options = {
  entryPoints: packageEntries(root)
    .filter(({ name }) => !name.startsWith("agentwire/gen/"))
    .map(({ source }) => join(root, source)),
  name: "agentwire",
  readme: join(root, "README.md"),
  tsconfig: join(root, "tsconfig.json"),
  out: join(out, "api"),
  ...{ disableGit: true, disableSources: true, excludeInternal: true, excludePrivate: true },
  skipErrorChecking: true, // `pnpm typecheck` does that
  treatWarningsAsErrors: true,
  validation: { notExported: false, invalidLink: true, notDocumented: true },
  // Every export is held to it by `pnpm docs:check`; functions here would mean methods, `toString` too.
  requiredToBeDocumented: ["Class", "Interface", "TypeAlias", "Variable", "Enum"],
  // What the generators of gen/ write besides.
  modifierTags: ["@internal", "@readonly", "@enum", "@const", "@experimental"],
  blockTags: [
    ...["@param", "@returns", "@throws", "@default", "@defaultValue", "@example", "@deprecated", "@see"],
    ...["@typeParam", "@template", "@remarks", "@description", "@generated"],
  ],
};

mkdirSync(out, { recursive: true });
const config = join(out, "typedoc.json");
writeFileSync(config, JSON.stringify(options, undefined, 2));
const typedoc = await fetchPackage("typedoc", TYPEDOC, ["typescript@5.9.3"]);
const { status } = spawnSync(process.execPath, [join(typedoc, "bin/typedoc"), "--options", config], {
  cwd: root,
  stdio: "inherit",
});
process.exitCode = status ?? 1;
