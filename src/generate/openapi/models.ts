import { isIdentifier, pascalCase, printDoc } from "../emit.js";
import { type Finding, throwFindings } from "../finding.js";
import type { YamlPath } from "../source.js";
import type { FullSpec } from "./files.js";
import { convertsQuery, queryName } from "./keys.js";
import type { Body, Content } from "./media.js";
import { firstOf } from "./media.js";
import { typeName } from "./names.js";
import { asRecord, type OpenApi, type Operation, refName, type Schema, type SchemaAt } from "./openapi.js";
import { successStatuses } from "./results.js";
import { docOf, flatten, modelStyle, objectText, type TypeStyle, typeText, wireStyle } from "./type-text.js";
import { reachable } from "./walk.js";

/** What of a config decides on the models. */
export type ModelConfig = Pick<FullSpec, "client" | "camelCase" | "openEnums" | "rename">;

/** The types of the parts of an operation, as they stand in a signature. */
export interface OperationTypes {
  /** Absent: the operation has no query. */
  readonly query?: string;
  /** Absent: the operation takes no body. */
  readonly body?: string;
  /** By status: the type of each content the response can have. */
  readonly responses: Readonly<Record<string, readonly { kind: Content["kind"]; type: string }[]>>;
  /** The JSON in each event of a stream. */
  readonly event: string;
}

/** The models of a document. */
export interface Models {
  /** The declarations, in the order in which they are written. */
  readonly declarations: readonly string[];
  /** The names that are declared. */
  readonly names: ReadonlySet<string>;
  /** By operation id. */
  readonly operations: ReadonlyMap<string, OperationTypes>;
  /** How types are written in signatures. */
  readonly style: TypeStyle;
}

/** A type that stands at `path` in the document, and how `types.ts` gets there. */
interface Named extends SchemaAt {
  readonly name: string;
  readonly wire: string;
}

/** One exported type: an interface where the schema is an object, an alias elsewhere. */
function declaration(api: OpenApi, name: string, schema: Schema, style: TypeStyle): string {
  const flat = schema.$ref === undefined ? flatten(api, schema) : undefined;
  const doc = printDoc(docOf(schema));
  const isNullable = [schema.type].flat().includes("null");
  if (flat !== undefined && !isNullable && Object.keys(flat.properties).length > 0) {
    return `${doc}export interface ${name} ${objectText(api, flat, style, 0)}\n`;
  }
  return `${doc}export type ${name} = ${typeText(api, schema, style)};\n`;
}

function index(type: string, ...keys: readonly string[]): string {
  return (
    type + keys.map((key) => (/^[1-9]\d\d$/.test(key) ? `[${key}]` : `[${JSON.stringify(key)}]`)).join("")
  );
}

/** Where `types.ts` has the types of a document. */
export const wireOf = {
  component: (name: string): string => index("components", "schemas", name),
  query: ({ id, parameters }: Operation): string => {
    const query = index("operations", id, "parameters", "query");
    return parameters.some((item) => item.in === "query" && item.required) ? query : `NonNullable<${query}>`;
  },
  body: (id: string, { type, required }: Body): string => {
    const body = index("operations", id, "requestBody");
    return index(required ? body : `NonNullable<${body}>`, "content", type);
  },
  response: (id: string, status: string, { type }: Content): string =>
    index("operations", id, "responses", status, "content", type),
};

class ModelWriter {
  readonly declarations: string[] = [];
  readonly #places = new Map<string, YamlPath>();
  readonly findings: Finding[] = [];
  readonly #api: OpenApi;
  readonly #config: ModelConfig;
  readonly #inline = new Map<string, string>();

  constructor(api: OpenApi, config: ModelConfig) {
    this.#api = api;
    this.#config = config;
  }

  readonly ref = (name: string): string =>
    this.#config.rename?.schemas?.[name] ?? typeName(name, this.#config.client);

  /** How a type is written where `types.ts` has none. */
  style(open: boolean): TypeStyle {
    if (!this.#config.camelCase) return wireStyle(this.ref);
    return { ...modelStyle(open && (this.#config.openEnums ?? true), this.ref), opaqueRef: wireOf.component };
  }

  get names(): ReadonlySet<string> {
    return new Set(this.#places.keys());
  }

  #add(name: string, path: YamlPath, text: string): string {
    const fail = (at: YamlPath, message: string) => this.findings.push(this.#api.source.finding(at, message));
    if (!isIdentifier(name))
      fail(path, `${name} cannot be the name of a type: give it one with rename.schemas`);
    const other = this.#places.get(name);
    if (other !== undefined) {
      fail(path, `there are two types called ${name}: rename one with rename.schemas in the config`);
      fail(other, `the other type called ${name}`);
    }
    this.#places.set(name, path);
    this.declarations.push(text);
    return name;
  }

  /** A name for a type that stands inside an operation: one that no component has. */
  #free(name: string): string {
    return this.#places.has(name) ? this.#free(`${name}Inline`) : name;
  }

  /** Declares a model. Without camelCase it is an alias of what `types.ts` has. */
  model({ name, schema, path, wire }: Named, open: boolean): string {
    const text = this.#config.camelCase
      ? declaration(this.#api, name, schema, this.style(open))
      : `${printDoc(docOf(schema))}export type ${name} = ${wire};\n`;
    return this.#add(name, path, text);
  }

  /** Declares a type that `types.ts` does not have. */
  own(name: string, { schema, path }: SchemaAt, style: TypeStyle): string {
    return this.#add(name, path, declaration(this.#api, name, schema, style));
  }

  query(operation: Operation): string | undefined {
    const { id, path } = operation;
    const query = operation.parameters.filter((parameter) => parameter.in === "query");
    if (query.length === 0) return undefined;
    const members = query.map(({ name, schema, description }) => [
      name,
      { description, ...asRecord(schema.schema) },
    ]);
    const required = query.filter((parameter) => parameter.required).map(({ name }) => name);
    const schema: Schema = {
      description: `Query of \`${id}\`.`,
      properties: Object.fromEntries(members),
      required,
    };
    const wire = wireOf.query(operation);
    const name = this.#free(queryName(operation));
    if (!convertsQuery(query)) return this.own(name, { schema, path }, wireStyle(this.ref));
    // `types.ts` has the text that JSON is sent as.
    if (query.some(({ isJson }) => isJson)) return this.own(name, { schema, path }, this.style(false));
    return this.model({ name, schema, path, wire }, false);
  }

  body(id: string, body: Body): string {
    const { kind, schema } = body;
    if (kind === "text") return "string";
    if (kind === "bytes") return "Uint8Array";
    const name = this.#free(`${pascalCase(id)}Request`);
    const described = schema && {
      ...schema,
      schema: { description: `Body of \`${id}\`.`, ...schema.schema },
    };
    if (kind === "multipart") {
      if (described === undefined) return "FormData";
      const target = described.schema.$ref;
      const fields = target === undefined ? described.schema : this.#api.schemas[refName(target)];
      const style = { ...this.style(false), binary: "Blob" };
      return `${this.own(name, { ...described, schema: fields ?? {} }, style)} | FormData`;
    }
    if (described === undefined) return "unknown";
    if (described.schema.$ref !== undefined) return this.ref(refName(described.schema.$ref));
    return this.model({ name, wire: wireOf.body(id, body), ...described }, false);
  }

  response(id: string, status: string, content: Content, success: boolean): string {
    const { kind, schema } = content;
    if (kind === "text" || kind === "events") return "string";
    if (kind !== "json") return "Uint8Array";
    if (schema === undefined) return "unknown";
    if (schema.schema.$ref !== undefined) return this.ref(refName(schema.schema.$ref));
    // Statuses with the same schema share a type.
    const same = `${id} ${success} ${JSON.stringify(schema.schema)}`;
    const known = this.#inline.get(same);
    if (known !== undefined) return known;
    const base = `${pascalCase(id)}${success ? "Response" : "Error"}`;
    const suffix = status.charAt(0).toUpperCase() + status.slice(1);
    const name = success && !this.#places.has(base) ? base : this.#free(`${base}${suffix}`);
    const described = { description: `Response ${status} of \`${id}\`.`, ...schema.schema };
    const wire = wireOf.response(id, status, content);
    this.#inline.set(same, name);
    return this.model({ name, wire, schema: described, path: schema.path }, true);
  }

  event({ id, events }: Operation): string {
    if (events === undefined) return "unknown";
    if (events.schema.$ref !== undefined) return this.ref(refName(events.schema.$ref));
    const schema = { description: `An event of \`${id}\`.`, ...events.schema };
    return this.own(this.#free(`${pascalCase(id)}Event`), { ...events, schema }, this.style(true));
  }
}

/**
 * The types of a document by name: the component schemas, then the queries and the bodies that stand inside
 * operations. With `camelCase` they are camelCase; with `openEnums`, an enum that can be read may then hold values
 * that are not known yet.
 *
 * @throws SpecError for a name that no type can have, or that two types have
 */
export function readModels(api: OpenApi, config: ModelConfig): Models {
  const writer = new ModelWriter(api, config);
  const read = reachable(api, "read");
  const sent = reachable(api, "write");
  for (const [name, schema] of Object.entries(api.schemas)) {
    const wire = wireOf.component(name);
    const at = { name: writer.ref(name), schema, path: ["components", "schemas", name], wire };
    writer.model(at, read.has(name) || !sent.has(name));
  }
  const operations = new Map<string, OperationTypes>();
  for (const operation of api.operations) {
    const { id, body, contents } = operation;
    const query = writer.query(operation);
    const sentBody = body && writer.body(id, body);
    const success = successStatuses(operation);
    const responses = Object.entries(contents).map(([status, list]) => {
      // One content of each kind: further ones say the same in another form.
      const kinds = [...new Set(list.map(({ kind }) => kind))].map((kind) => firstOf(list, [kind])!);
      const types = kinds.map((content) => ({
        kind: content.kind,
        type: writer.response(id, status, content, success.includes(status)),
      }));
      return [status, types] as const;
    });
    operations.set(id, {
      ...(query !== undefined && { query }),
      ...(sentBody !== undefined && { body: sentBody }),
      responses: Object.fromEntries(responses),
      event: writer.event(operation),
    });
  }
  throwFindings(writer.findings);
  const { declarations, names } = writer;
  return { declarations, names, operations, style: writer.style(false) };
}

/** `models.ts`: the types of a document by name. */
export function emitModels({ declarations }: Models): string {
  const text = declarations.join("\n");
  const used = ["components", "operations"].filter((name) => new RegExp(`[\\s<(]${name}\\["`).test(text));
  const imports = used.length > 0 ? `import type { ${used.join(", ")} } from "./types.js";\n\n` : "";
  return `${imports}${text === "" ? "export {};\n" : text}`;
}
