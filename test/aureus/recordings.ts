import { readFileSync } from "node:fs";
import { join } from "node:path";

/** A line of test/vectors/aureus. */
export interface AureusLine {
  readonly case: string;
  readonly call?: { readonly method: string; readonly args: Record<string, unknown> };
  readonly request: {
    readonly method: string;
    readonly path: string;
    readonly query?: Record<string, string>;
    readonly headers?: Record<string, string>;
    readonly body: unknown;
  };
  readonly response?: {
    readonly status: number | null;
    readonly headers?: Record<string, string>;
    readonly content_type?: string;
    readonly body: unknown;
  };
  readonly sdk?: { readonly returned?: unknown; readonly raised?: string };
}

/** All lines of a file. */
export function readLines(name: string): AureusLine[] {
  return readFileSync(join(import.meta.dirname, "../vectors/aureus", `${name}.jsonl`), "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as AureusLine);
}

/** Without null members, at every depth; the data of a commit keeps its own null. */
export function withoutNullMembers(value: unknown, keep = ""): unknown {
  if (Array.isArray(value)) return value.map((item) => withoutNullMembers(item));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key, item]) => item !== null || key === keep)
      .map(([key, item]) => [key, withoutNullMembers(item, key === "commit" ? "data" : "")]),
  );
}
