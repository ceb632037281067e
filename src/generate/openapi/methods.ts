import { isIdentifier, printDoc, printKey } from "../emit.js";
import type { Finding } from "../finding.js";
import { dataType, errorType, itemType } from "./method-types.js";
import type { Models, OperationTypes } from "./models.js";
import { functionName, methodName, parameterName } from "./names.js";
import type { OpenApi, Operation, Parameter } from "./openapi.js";
import { operationName } from "./operations.js";
import { resultKind } from "./results.js";
import { typeText } from "./type-text.js";

/** Line length up to which a signature stays on one line. */
const LINE_WIDTH = 110;

/** Headers that OpenAPI leaves to other parts of a document. */
const OTHER_HEADERS = new Set(["accept", "content-type", "authorization"]);

/** A type with its arguments on lines of their own, if it is long. */
function wrapped(result: string): string {
  if (result.length + 6 <= LINE_WIDTH) return result;
  return result
    .replace(/^(\w+)<(.*)>$/s, (_, name: string, args: string) => `${name}<\n    ${args}\n  >`)
    .replace(/, \{ ("?\w+"?: .*) \}\n/s, (_, rows: string) => {
      const lines = rows.split("; ").map((row) => `      ${row};\n`);
      return `,\n    {\n${lines.join("")}    }\n`;
    });
}

/** The head of a method or function: on one line if that is short enough. */
function head(name: string, parameters: readonly string[], result: string): string {
  const line = `${name}(${parameters.join(", ")}): ${result} {`;
  if (line.length <= LINE_WIDTH) return line;
  const indent = " ".repeat(name.length - name.trimStart().length);
  const rows = parameters.map((part) => `${indent}  ${part},\n`);
  return `${name}(\n${rows.join("")}${indent}): ${wrapped(result)} {`;
}

/** Writes the methods of one client, or the functions that take their place, and keeps their names apart. */
export class MethodWriter {
  readonly findings: Finding[] = [];
  readonly warnings: Finding[] = [];
  readonly #api: OpenApi;
  readonly #models: Models;
  readonly #methods = new Map<string, string>();

  readonly #style: "class" | "functions";

  constructor(api: OpenApi, models: Models, style: "class" | "functions" = "class") {
    this.#api = api;
    this.#models = models;
    this.#style = style;
  }

  /** One parameter as a type: a text, a number or some of either. */
  #parameterType({ schema, isJson }: Parameter): string {
    if (isJson) return "string";
    const text = typeText(this.#api, schema.schema, this.#models.style);
    return /^(?:string|number|"[^"]*"|[-\d.]+)(?: \| (?:string|number|"[^"]*"|[-\d.]+))*$/.test(text) ||
      this.#models.names.has(text)
      ? text
      : "string";
  }

  /** The arguments for the path, and the list of its values. */
  #path(operation: Operation): { readonly list: readonly string[]; readonly values: string } {
    const places = [...operation.url.matchAll(/\{([^}]+)\}/g)].flatMap(([, name]) =>
      operation.parameters.filter((parameter) => parameter.in === "path" && parameter.name === name),
    );
    const given = [...new Set(places)];
    const types = given.map((parameter) => this.#parameterType(parameter));
    const isObject = new Set(types).size < types.length || types.length > 3;
    const taken = isObject ? [] : ["body", "options", ...(this.#style === "functions" ? ["client"] : [])];
    const names = given.map(({ name }) => parameterName(name, taken));
    for (const [index, name] of names.entries()) {
      const what = `path parameter ${given[index]!.name} of ${operation.id}`;
      if (!isIdentifier(name)) this.#fail(operation, `${what} cannot be the name of an argument`);
      if (names.indexOf(name) < index) this.#fail(operation, `${what} is called ${name}, as another one is`);
    }
    // A parameter may stand in a path more than once.
    const values = (prefix: string) =>
      places.map((parameter) => prefix + names[given.indexOf(parameter)]).join(", ");
    if (isObject) {
      const members = names.map((name, index) => `readonly ${name}: ${types[index]}`);
      return {
        list: [`path: { ${members.join("; ")} }`],
        values: values("path."),
      };
    }
    return { list: names.map((name, index) => `${name}: ${types[index]}`), values: values("") };
  }

  #options(operation: Operation, types: OperationTypes): string {
    const isRequired = (where: Parameter["in"]) =>
      operation.parameters.some((parameter) => parameter.in === where && parameter.required);
    const headers = operation.parameters.filter(
      (parameter) => parameter.in === "header" && !OTHER_HEADERS.has(parameter.name.toLowerCase()),
    );
    const parts = [types.query === undefined ? "CallOptions" : `QueryOptions<${types.query}>`];
    const required: string[] = [];
    if (isRequired("query")) required.push(`readonly query: ${types.query}`);
    if (headers.length > 0) {
      const rows = headers.map(({ name, required: needed, schema }) => {
        const values = (schema.schema.enum ?? ["string"]).every((value) => typeof value === "string");
        const type =
          values && schema.schema.enum
            ? schema.schema.enum.map((v) => JSON.stringify(v)).join(" | ")
            : "string";
        return `readonly ${printKey(name)}${needed ? "" : "?"}: ${type}`;
      });
      const optional = headers.every((header) => !header.required);
      required.push(`readonly headers${optional ? "?" : ""}: { ${rows.join("; ")} }`);
    }
    if (required.length > 0) parts.push(`{ ${required.join("; ")} }`);
    const mustGive = isRequired("query") || headers.some((header) => header.required);
    return `options${mustGive ? "" : "?"}: ${parts.join(" & ")}`;
  }

  method(operation: Operation): string {
    const { id, url, summary, description, body, paging, raw } = operation;
    const types = this.#models.operations.get(id)!;
    const name = this.#name(operation);
    const path = this.#path(operation);
    const options = this.#options(operation, types);
    const optionsRequired = options.startsWith("options:");
    // An argument that may be left out cannot stand before one that must be given.
    const bodyArgument =
      types.body === undefined
        ? undefined
        : body?.required
          ? `body: ${types.body}`
          : optionsRequired
            ? `body: ${types.body} | undefined`
            : `body?: ${types.body}`;
    const parameters = [...path.list, bodyArgument, options].filter((part) => part !== undefined);
    const data = dataType(operation, types);
    const errors = errorType(operation, types);
    const kind = resultKind(operation);
    const [call, result] =
      kind === "events"
        ? ["events", `AsyncIterable<${types.event}>`]
        : paging !== undefined
          ? [
              "pages",
              `PagePromise<${data}, ${itemType(this.#api, operation, data, this.#models)}, ${errors}>`,
            ]
          : ["send", `ResponsePromise<${data}, ${errors}>`];
    const values = [operationName(id), `[${path.values}]`, "options", ...(bodyArgument ? ["body"] : [])];
    const doc = [
      [summary, description]
        .map((text) => text?.trim() ?? "")
        .filter((text) => text !== "")
        .join("\n\n"),
      `\`${operation.method.toUpperCase()} ${url}\``,
      ...(raw.deprecated === true ? ["@deprecated"] : []),
    ];
    const text = doc.filter((part) => part !== "").join("\n\n");
    return this.#style === "class"
      ? `${printDoc(text, 2)}${head(`  ${name}`, parameters, result)}
    return this.#http.${call}(${values.join(", ")});
  }
`
      : `${printDoc(text)}${head(`export function ${name}`, ["client: HttpClient", ...parameters], result)}
  return client.${call}(${values.join(", ")});
}
`;
  }

  #name(operation: Operation): string {
    const { id } = operation;
    const name = this.#style === "class" ? methodName(id) : functionName(id);
    const other = this.#methods.get(name);
    if (other !== undefined) this.#fail(operation, `${id} and ${other} are both ${name} in the client`);
    if (name !== id) {
      const what = this.#style === "class" ? "the method" : "the function";
      const message = `${what} of ${id} is ${name}: a client has no room for an operation of that name`;
      this.warnings.push(this.#api.source.finding([...operation.path, "operationId"], message));
    }
    this.#methods.set(name, id);
    return name;
  }

  #fail({ path }: Operation, message: string): void {
    this.findings.push(this.#api.source.finding(path, message));
  }
}
