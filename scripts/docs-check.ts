/**
 * `pnpm docs:check`: links, anchors and files that documents name; snippets against their examples and the
 * compiler; and that what scripts write is as they would write it. `--write` writes those parts again. The tests run
 * the snippets.
 */
import { join } from "node:path";
import { allDocuments } from "./docs/documents.ts";
import { entryExports } from "./docs/exports.ts";
import { staleGenerated, writeGenerated } from "./docs/generated.ts";
import { checkLinks } from "./docs/links.ts";
import { snippetsOf, typeErrors, writeSnippets, wrongExamples } from "./docs/snippets.ts";

const root = join(import.meta.dirname, "..");
if (process.argv.includes("--write")) {
  for (const file of await writeGenerated(root)) console.log(`written: ${file}`);
}

const documents = allDocuments(root);
const { broken, links, anchors, external, mentions, scripts } = checkLinks(root, documents);
console.log(
  `documents: ${documents.length}; links ${links}, anchors ${anchors}, external ${external} (form only), ` +
    `files named ${mentions}, commands ${scripts}; broken ${broken.length}`,
);
const snippets = snippetsOf(documents);
const wrong = [...wrongExamples(root, snippets), ...typeErrors(root, writeSnippets(root, snippets))];
const own = snippets.filter(({ example }) => example === undefined).length;
console.log(
  `snippets: ${snippets.length}; ${snippets.length - own} are examples, ${own} type-checked here; wrong ${wrong.length}`,
);
const entries = entryExports(root);
const undocumented = entries.flatMap(({ entry, exports }) =>
  // What is generated has the comments of its spec, and some schemas explain themselves by their members.
  (entry.startsWith("agentwire/gen/") ? [] : exports)
    .filter(({ comment }) => comment === "")
    .map(({ name }) => `${entry}: ${name} has no doc comment`),
);
const names = entries.reduce((sum, { exports }) => sum + exports.length, 0);
console.log(`exports: ${names} of ${entries.length} entries; without a doc comment ${undocumented.length}`);
const stale = (await staleGenerated(root)).map((what) => `${what} is stale: run \`pnpm docs:write\``);
const findings = [...broken, ...wrong, ...undocumented, ...stale];
for (const finding of findings) console.error(finding);
process.exitCode = findings.length === 0 ? 0 : 1;
