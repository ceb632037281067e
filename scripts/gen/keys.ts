import { header, pascalCase, printValue } from "./emit.ts";
import { throwFindings } from "./finding.ts";
import { KeyRows } from "./key-rows.ts";
import type { OpenApi, Operation } from "./openapi.ts";
import { type Node, ShapeReader } from "./shapes.ts";

/** The name of the interface for the query of an operation. */
export function queryName({ id }: Operation): string {
  return `${pascalCase(id)}Query`;
}

/** `keys.ts`: which key of the wire is which member, for the converter in `core`. @throws SpecError */
export function emitKeys(api: OpenApi): string {
  const reader = new ShapeReader(api);
  for (const name of Object.keys(api.schemas)) reader.component(name);
  const roots = api.operations.map((operation) => readRoots(reader, operation));
  throwFindings(reader.findings);

  const rows = new KeyRows(reader);
  const shapes = roots.map(({ id, query, request, responses, events }) => {
    const answers = Object.entries(responses).map(([status, node]) => [status, rows.shapeOf(node)]);
    const parts = { query: rows.shapeOf(query), request: rows.shapeOf(request) };
    return [id, { ...parts, responses: Object.fromEntries(answers), events: rows.shapeOf(events) }];
  });
  return `${header(api.source.file)}
import type { OperationId } from "./operations.js";

/** How a value converts: as the object of that name, as a list of such, or as a map whose keys are data. */
export type Shape = string | { readonly list: Shape } | { readonly map: Shape };

/** The members of an object that change, by wire key: the shape of the value, null where it has none. */
export type ObjectKeys = Readonly<Record<string, Shape | null>>;

/** The shapes of the parts of an operation; a part that is missing needs no conversion. */
export interface OperationShapes {
  readonly query?: Shape;
  readonly request?: Shape;
  /** By status: \`"200"\`, \`"5XX"\`, \`"default"\`. */
  readonly responses: Readonly<Record<string, Shape>>;
  readonly events?: Shape;
}

/** Every object of ${api.title} whose keys differ between wire and TypeScript, by name. */
export const keyMap: Readonly<Record<string, ObjectKeys>> = ${printValue(rows.sorted())};

/** Which shapes an operation takes and gives. */
export const operationShapes: Readonly<Record<OperationId, OperationShapes>> = ${printValue(Object.fromEntries(shapes))};
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
  const { id, request, responses, events } = operation;
  const query = operation.parameters.filter((parameter) => parameter.in === "query");
  const name = queryName(operation);
  if (query.length > 0) {
    const members = query.map(
      (item) => [item.name, reader.node(item.schema, `${name}.${item.name}`)] as const,
    );
    reader.objects.set(name, new Map(members));
  }
  return {
    id,
    ...(query.length > 0 && { query: { kind: "object", name } }),
    ...(request && { request: reader.node(request, `${id}.request`) }),
    responses: Object.fromEntries(
      Object.entries(responses).map(([status, schema]) => [status, reader.node(schema, `${id}.${status}`)]),
    ),
    ...(events && { events: reader.node(events, `${id}.events`) }),
  };
}
