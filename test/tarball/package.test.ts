/** The tarball itself: its files, publint, are-the-types-wrong, and every entry imported and required. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { checkPackage, createPackageFromTarballData } from "@arethetypeswrong/core";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import { expect, it } from "vitest";
import manifest from "../../package.json" with { type: "json" };
import { expectEnd, Folder } from "./folder.ts";
import { installed, tarball, work } from "./pack.ts";

/** What is read of a problem of are-the-types-wrong. */
interface ProblemPlace {
  readonly kind: string;
  readonly entrypoint?: string;
  readonly resolutionKind?: string;
}

const entries = Object.entries(manifest.exports)
  .filter(([name, target]) => typeof target === "object" && !name.includes("*"))
  .map(([name]) => name.replace(/^\./, "agentwire"));

it("has what a user needs, and nothing of the repository besides", () => {
  const files = ["LICENSE", "NOTICE", "README.md", "CHANGELOG.md", "specs/cap/cordum/agent/v1/job.proto"];
  for (const file of [...files, "specs/neuron/openapi.yaml"])
    expect(existsSync(join(installed, file)), file).toBe(true);
  for (const file of ["test", "scripts", "src", ".ci"])
    expect(existsSync(join(installed, file)), file).toBe(false);
  const relative = /\]\((?!https:|#)[^)]*\)/g;
  expect(readFileSync(join(installed, "README.md"), "utf8").match(relative)).toBeNull();
});

it("satisfies publint", async () => {
  const { messages, pkg } = await publint({ pkgDir: installed, strict: true, pack: false });
  expect(messages.map((message) => formatMessage(message, pkg) ?? message.code)).toEqual([]);
});

it("has types that are not wrong", async () => {
  const { types, problems } = (await checkPackage(createPackageFromTarballData(readFileSync(tarball)), {
    excludeEntrypoints: [/^\.?\/?specs\//],
  })) as { types: unknown; problems?: readonly ProblemPlace[] };
  expect(types).not.toBe(false);
  // The package is ESM: how types resolve from CommonJS, and for Node 10, is not asked.
  expect(
    problems?.filter(({ resolutionKind }) => !["node10", "node16-cjs"].includes(resolutionKind ?? "")),
  ).toEqual([]);
});

it("can be imported and required entry by entry, and its command runs", async () => {
  const folder = new Folder(join(work, "use"));
  const lines = (load: (entry: string) => string) => entries.map(load).join("\n");
  folder.write(
    "use.mjs",
    lines((entry) => `await import("${entry}");`),
  );
  folder.write(
    "use.cjs",
    lines((entry) => `require("${entry}");`),
  );
  await expectEnd(folder.run(process.execPath, ["use.mjs"]), 0);
  await expectEnd(folder.run(process.execPath, ["--no-warnings", "use.cjs"]), 0);
  await expectEnd(folder.agentwire("demo"), 0);
});
