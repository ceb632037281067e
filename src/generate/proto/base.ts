import { cpSync, existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import type { ProtoSpec } from "../config.js";
import { type Finding, SpecError } from "../finding.js";

const INPUTS = /\.proto$|^(?:subjects|rules|errors)\.yaml$/;

/** The protos and tables of a spec in one folder. */
export interface MergedSpec {
  readonly spec: ProtoSpec;
  /** Files that the output depends on, below the project. */
  readonly inputs: readonly string[];
  /** A text with the names of these files in place of those in the folder. */
  rename(text: string): string;
}

/**
 * Runs on the protos of a spec. With `extends` that is a copy of the base, tables and baseline included, with the own
 * files over it.
 * @throws SpecError when there is no such base; what `run` throws, naming the files of the user
 */
export async function withBase<T>(
  root: string,
  given: ProtoSpec,
  run: (merged: MergedSpec) => Promise<T>,
): Promise<T> {
  const { extends: base, proto, cap: tables } = given;
  const named = [tables?.subjects, tables?.rules, tables?.errors].filter((file) => file !== undefined);
  if (base === undefined)
    return run({
      spec: given,
      inputs: [...filesOf(root, proto, /\.proto$/), ...named],
      rename: (text) => text,
    });
  const baseFolder = relative(root, findFolder(root, base)).replaceAll("\\", "/");
  const folder = mkdtempSync(join(tmpdir(), "agentwire-fork-"));
  const merged = relative(root, folder).replaceAll("\\", "/");
  const own = filesOf(root, proto, INPUTS);
  const isOwn = (file: string) => own.includes(`${proto}/${file}`);
  const rename = (text: string) =>
    text
      .replaceAll(folder, merged)
      .split(`${merged}/`)
      .map((part, index) =>
        index === 0 ? part : `${isOwn(/^[\w./-]*\w/.exec(part)?.[0] ?? "") ? proto : base}/${part}`,
      )
      .join("");
  try {
    cpSync(join(root, baseFolder), folder, { recursive: true });
    cpSync(join(root, proto), folder, { recursive: true });
    const table = (name: string) => (existsSync(join(folder, name)) ? `${merged}/${name}` : undefined);
    const subjects = table("subjects.yaml");
    const cap =
      subjects === undefined
        ? undefined
        : { subjects, rules: table("rules.yaml"), errors: table("errors.yaml") };
    const inherited = filesOf(root, baseFolder, INPUTS).filter(
      (file) => !isOwn(file.slice(baseFolder.length + 1)),
    );
    return await run({
      spec: { cap, ...given, proto: merged },
      inputs: [...inherited, ...own, ...named],
      rename,
    });
  } catch (error) {
    if (!(error instanceof SpecError)) throw error;
    const findings = error.findings.map((finding) => renameFinding(finding, rename));
    throw new SpecError(rename(error.message), findings);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A finding of the merged folder as one of the user's. */
export function renameFinding(finding: Finding, rename: MergedSpec["rename"]): Finding {
  return { ...finding, file: rename(finding.file), message: rename(finding.message) };
}

/** A folder below the project, or one of a package that the project finds. */
function findFolder(root: string, folder: string): string {
  if (existsSync(join(root, folder))) return join(root, folder);
  for (let from = root; ; from = dirname(from)) {
    const found = join(from, "node_modules", folder);
    if (existsSync(found)) return found;
    if (from === dirname(from))
      throw new SpecError(
        `extends: ${folder} is neither a folder of the project nor one of an installed package`,
      );
  }
}

/** Files of a folder, below the project. */
function filesOf(root: string, folder: string, wanted: RegExp): string[] {
  if (!existsSync(join(root, folder))) throw new SpecError(`${folder} does not exist`);
  return readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => wanted.test(name))
    .map((name) => `${folder}/${name.replaceAll("\\", "/")}`)
    .sort();
}
