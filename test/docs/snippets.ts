/** The TypeScript in documents: taken from an example as it is, or checked and run where it stands. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Document } from "./documents.ts";

/** Where blocks that are not examples are written: inside the checkout, so that they find its package. */
const SNIPPETS = ".snippets";

/** A `ts` block. */
export interface Snippet {
  /** `docs/neuron.md:7`. */
  readonly where: string;
  readonly code: string;
  readonly output: string | undefined;
  /** The file it is taken from, where the comment before it names one. */
  readonly example: string | undefined;
  /** Why it is not run: `<!-- not run: reason -->` before it. */
  readonly notRun: string | undefined;
  /** The file to check and to run: the example, or the block written out. */
  readonly file: string;
}

/** All snippets of some documents. Blocks that are not examples have files of their own once {@link writeSnippets} ran. */
export function snippetsOf(documents: readonly Document[]): Snippet[] {
  return documents.flatMap(({ path, blocks }) =>
    blocks
      .filter(({ language, comment }) => language === "ts" || comment?.startsWith("examples/") === true)
      .map(({ code, output, comment, line }) => {
        const example = comment?.startsWith("examples/") ? comment : undefined;
        const notRun = /^not run: (.+)$/.exec(comment ?? "")?.[1];
        const name = `${path.replace(/\.md$/, "").replaceAll("/", "-")}-${line}.ts`;
        const file = example ?? `${SNIPPETS}/${name}`;
        return { where: `${path}:${line}`, code, output, example, notRun, file };
      }),
  );
}

/** Examples that are shown otherwise than they are, or that do not exist. */
export function wrongExamples(root: string, snippets: readonly Snippet[]): string[] {
  return snippets.flatMap(({ where, code, example }) => {
    if (example === undefined) return [];
    if (!existsSync(join(root, example))) return [`${where}: ${example} does not exist`];
    const real = readFileSync(join(root, example), "utf8");
    return real === code ? [] : [`${where}: ${example} is not shown as it is`];
  });
}

const FRAMEWORKS = "../test/docs/frameworks.d.ts";

/** Writes the blocks that are not examples into files. Returns the project that checks them. */
export function writeSnippets(root: string, snippets: readonly Snippet[]): string {
  const folder = join(root, SNIPPETS);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const { example, file, code } of snippets) {
    if (example === undefined) writeFileSync(join(root, file), code);
  }
  const project = join(folder, "tsconfig.json");
  writeFileSync(
    project,
    JSON.stringify({ extends: "../tsconfig.json", include: ["*.ts", FRAMEWORKS], exclude: [] }),
  );
  return project;
}

/** What the compiler says about a project; nothing when all is well. */
export function typeErrors(root: string, project: string): string[] {
  try {
    const args = [join(root, "node_modules/typescript/bin/tsc"), "-p", project, "--pretty", "false"];
    execFileSync(process.execPath, args, { cwd: root, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
    return [];
  } catch (error) {
    return String((error as { stdout?: string }).stdout ?? error)
      .trim()
      .split("\n");
  }
}
