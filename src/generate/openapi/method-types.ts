import { printKey } from "../emit.js";
import type { Models, OperationTypes } from "./models.js";
import { asRecord, type OpenApi, type Operation, refName, type Schema } from "./openapi.js";
import { errorStatuses, resultKind, successStatuses } from "./results.js";
import { flatten } from "./type-text.js";

function unionOf(types: readonly string[]): string {
  return [...new Set(types)].join(" | ");
}

/** The type of the data of a call: what every successful response can be. */
export function dataType(operation: Operation, types: OperationTypes): string {
  const wanted = resultKind(operation);
  if (wanted === "none") return "void";
  const found = successStatuses(operation).flatMap((status) => {
    const contents = types.responses[status] ?? [];
    const bodies = contents.filter(
      ({ kind, type }) => kind === wanted || (wanted === "bytes" && type === "Uint8Array"),
    );
    return contents.length === 0 ? ["undefined"] : bodies.map(({ type }) => type);
  });
  return unionOf(found);
}

/** The bodies of errors by status. What is not JSON arrives as text. */
export function errorType(operation: Operation, types: OperationTypes): string {
  const rows = errorStatuses(operation).map((status) => {
    const bodies = (types.responses[status] ?? []).map(({ kind, type }) =>
      kind === "json" ? type : "string",
    );
    return `${/^\d+$/.test(status) ? status : printKey(status)}: ${unionOf(bodies)}`;
  });
  return rows.length === 0 ? "Record<never, never>" : `{ ${rows.join("; ")} }`;
}

/** The type of the items of an operation with pages. */
export function itemType(api: OpenApi, operation: Operation, data: string, models: Models): string {
  const { items } = operation.paging ?? {};
  const schema = successStatuses(operation).map((status) => operation.responses[status]?.schema)[0] ?? {};
  const list = items === undefined ? schema : flatten(api, schema)?.properties[items];
  const item = asRecord(list).items as Schema | undefined;
  if (item?.$ref !== undefined) return models.style.ref(refName(item.$ref));
  const member = items === undefined ? data : `${data}[${JSON.stringify(models.style.key(items))}]`;
  return `NonNullable<${member}>[number]`;
}
