import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { readReport } from "../mutation/report.ts";

/**
 * For each requirement, one mutant that a test of it noticed, among the results of the last `pnpm mutation`; one that
 * empties a whole block only where there is no smaller one. What changed a file that has moved since does not count.
 */
export function noticedMutants(folder: string, id: RegExp): Map<string, string> {
  const found = new Map<string, string>();
  if (!existsSync(folder)) return found;
  for (const name of readdirSync(folder).filter((file) => file.endsWith(".report.json"))) {
    for (const { key, status, noticedBy } of readReport(readFileSync(join(folder, name), "utf8"))) {
      if (status !== "Killed" || !existsSync(key.split(":")[0]!)) continue;
      for (const test of noticedBy) {
        const requirement = id.exec(test)?.[1];
        if (requirement !== undefined && isEmptied(found.get(requirement)))
          found.set(requirement, key.replace(/^src\//, "").replace("` -> `", "` → `"));
      }
    }
  }
  return found;
}

function isEmptied(mutant = "`{}`"): boolean {
  return mutant.endsWith("`{}`");
}
