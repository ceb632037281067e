/** `pnpm docs:write`: writes what the documents have from the sources: tables, the command line reference, llms.txt. */
import { join } from "node:path";
import { writeGenerated } from "./docs/generated.ts";

for (const file of await writeGenerated(join(import.meta.dirname, ".."))) console.log(`written: ${file}`);
