import { header, printDoc, printValue } from "./emit.ts";
import type { OpenApi } from "./openapi.ts";

/** `operations.ts`: the table from operation id to method, path and whether a call may be repeated. */
export function emitOperations(api: OpenApi): string {
  const rows = api.operations.map(({ id, method, url, raw, summary }) => {
    const entry = { method, path: url, idempotent: raw["x-idempotent"], retry: raw["x-retry"] };
    return `${printDoc(summary, 2)}  ${id}: ${printValue(entry, 2, id.length + 2)},\n`;
  });
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

/** Every operation of ${api.title}, by operation id. */
export const operationTable = {
${rows.join("")}} as const satisfies Readonly<Record<string, OperationEntry>>;

/** The id of an operation. */
export type OperationId = keyof typeof operationTable;
`;
}
