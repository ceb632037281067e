/** What is written from the sources is as they are, and every export says what it is. */
import { join } from "node:path";
import { expect, it } from "vitest";
import { entryExports } from "../../scripts/docs/exports.ts";
import { staleGenerated } from "../../scripts/docs/generated.ts";

const root = join(import.meta.dirname, "../..");

it("parts that `pnpm docs:write` writes are as it would write them", { timeout: 120_000 }, async () => {
  expect(await staleGenerated(root)).toEqual([]);
});

it("every export has a doc comment", { timeout: 120_000 }, () => {
  // What is generated has the comments of its spec, and some schemas explain themselves by their members.
  const entries = entryExports(root).filter(({ entry }) => !entry.startsWith("agentwire/gen/"));
  const undocumented = entries.flatMap(({ entry, exports }) =>
    exports.filter(({ comment }) => comment === "").map(({ name }) => `${entry}: ${name}`),
  );
  expect(undocumented).toEqual([]);
});
