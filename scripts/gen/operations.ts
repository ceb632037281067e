import { header, printDoc, printValue } from "./emit.ts";
import { SpecError } from "./finding.ts";
import type { OpenApi } from "./openapi.ts";

/** Names of tables of some operations, with the ids of these. */
export type OperationGroups = Readonly<Record<string, readonly string[]>>;

/**
 * `operations.ts`: the table from operation id to method, path and whether a call may be repeated, and a table for each
 * of `groups`. Entries in a group are constants of their own, so that a bundle can leave out the other ones.
 *
 * @throws SpecError for a group with an operation that the document does not have
 */
export function emitOperations(api: OpenApi, groups: OperationGroups = {}): string {
  const grouped = new Set(Object.values(groups).flat());
  const constants: string[] = [];
  const rows = api.operations.map(({ id, method, url, raw, summary }) => {
    const entry = { method, path: url, idempotent: raw["x-idempotent"], retry: raw["x-retry"] };
    const doc = printDoc(summary, 2);
    if (!grouped.delete(id)) return `${doc}  ${id}: ${printValue(entry, 2, id.length + 2)},\n`;
    constants.push(
      `const ${id}Entry = ${printValue(entry, 0, id.length + 14)} as const satisfies OperationEntry;\n`,
    );
    return `${doc}  ${id}: ${id}Entry,\n`;
  });
  if (grouped.size > 0) throw new SpecError(`${api.source.file} has no operation ${[...grouped].join(", ")}`);
  const tables = Object.entries(groups).map(
    ([name, ids]) => `
/** Some of {@link operationTable}, for clients that make no other calls. */
export const ${name} = {
${ids.map((id) => `  ${id}: ${id}Entry,\n`).join("")}} as const satisfies Readonly<Record<string, OperationEntry>>;
`,
  );
  return `${header(api.source.file)}
import type { paths } from "./types.js";

/** What a retry layer has to know of an operation. */
export interface OperationEntry {
  /** HTTP method, lower case as in the types. */
  readonly method: "get" | "put" | "post" | "delete" | "options" | "head" | "patch" | "trace";
  /** Path below the base URL, with \`{parameters}\`. */
  readonly path: keyof paths;
  /** True when sending the same request again does no harm. */
  readonly idempotent: boolean;
  /** \`never\`: not even when the request provably never left. */
  readonly retry?: "never";
}

${constants.length === 0 ? "" : `${constants.join("")}\n`}/** Every operation of ${api.title}, by operation id. */
export const operationTable = {
${rows.join("")}} as const satisfies Readonly<Record<string, OperationEntry>>;

/** The id of an operation. */
export type OperationId = keyof typeof operationTable;
${tables.join("")}`;
}
