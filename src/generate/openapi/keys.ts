import { camelCase } from "../../core/keys.js";
import type { OperationShapes } from "../../http/operation.js";
import { pascalCase, printValue, type RuntimePath } from "../emit.js";
import { throwFindings } from "../finding.js";
import type { RuleBook } from "../rules.js";
import { KeyRows, type Shape } from "./key-rows.js";
import type { OpenApi, Operation, Parameter } from "./openapi.js";
import { type Node, ShapeReader } from "./shapes.js";

/** Which keys of a document differ between the protocol and TypeScript. */
export interface Keys {
  /** The rows of the key map, by name of the object. */
  readonly map: Readonly<Record<string, unknown>>;
  /** The shapes of the components that have one, by name. */
  readonly components: ReadonlyMap<string, Shape>;
  /** The shapes of the operations that have some, by id. */
  readonly shapes: ReadonlyMap<string, OperationShapes>;
}

/** The name of the interface for the query of an operation. */
export function queryName({ id }: Operation): string {
  return `${pascalCase(id)}Query`;
}

/** False for a query that keeps the names of the protocol: two of them would be one in camelCase. */
export function convertsQuery(query: readonly Parameter[]): boolean {
  return new Set(query.map(({ name }) => camelCase(name))).size === query.length;
}

/** Finds the keys of a snake_case document; `all` gives every object a row. @throws SpecError */
export function readKeys(api: OpenApi, rules: RuleBook, all = false): Keys {
  const reader = new ShapeReader(api, rules);
  for (const name of Object.keys(api.schemas)) reader.component(name);
  const roots = api.operations.map((operation) => readRoots(reader, operation));
  reader.settle();
  throwFindings(reader.findings);

  const rows = new KeyRows(reader, all);
  const components = new Map<string, Shape>();
  for (const name of Object.keys(api.schemas)) {
    const shape = rows.shapeOf(reader.component(name));
    if (shape !== undefined) components.set(name, shape);
  }
  const shapes = new Map<string, OperationShapes>();
  for (const { id, responses, ...rest } of roots) {
    const byStatus = Object.entries(responses).flatMap(([status, node]) => {
      const shape = rows.shapeOf(node);
      return shape === undefined ? [] : [[status, shape] as const];
    });
    const [query, request, events] = [rest.query, rest.request, rest.events].map((node) =>
      rows.shapeOf(node),
    );
    const found: OperationShapes = {
      ...(query !== undefined && { query }),
      ...(request !== undefined && { request }),
      ...(byStatus.length > 0 && { responses: Object.fromEntries(byStatus) }),
      ...(events !== undefined && { events }),
    };
    if (Object.keys(found).length > 0) shapes.set(id, found);
  }
  return { map: rows.sorted(), components, shapes };
}

/** `keys.ts`: which key of the protocol is which member, for the converter in `core`. */
export function emitKeys(api: OpenApi, { map }: Keys, runtime: RuntimePath): string {
  return `import type { KeyMap } from "${runtime("core/keys")}";

/** Every object of ${api.title} with keys that differ between the protocol and TypeScript, by name. */
export const keyMap = ${printValue(map)} as const satisfies KeyMap;
`;
}

interface Roots {
  readonly id: string;
  readonly query?: Node;
  readonly request?: Node;
  readonly responses: Record<string, Node>;
  readonly events?: Node;
}

function readRoots(reader: ShapeReader, operation: Operation): Roots {
  const { id, body, responses, events } = operation;
  const query = operation.parameters.filter((parameter) => parameter.in === "query");
  const name = queryName(operation);
  if (query.length > 0) {
    const members = query.map(
      (item) => [item.name, reader.node(item.schema, `${name}.${item.name}`)] as const,
    );
    reader.objects.set(name, new Map(members));
  }
  const queryNode: Node = convertsQuery(query) ? { kind: "object", name } : { kind: "opaque" };
  const request = body?.kind === "text" || body?.kind === "bytes" ? undefined : body?.schema;
  return {
    id,
    ...(query.length > 0 && { query: queryNode }),
    ...(request && { request: reader.node(request, `${id}.request`) }),
    responses: Object.fromEntries(
      Object.entries(responses).map(([status, schema]) => [status, reader.node(schema, `${id}.${status}`)]),
    ),
    ...(events && { events: reader.node(events, `${id}.events`) }),
  };
}
