import { isIdentifier, type RuntimePath } from "../emit.js";
import { type Finding, throwFindings } from "../finding.js";
import type { FullSpec } from "./files.js";
import { MethodWriter } from "./methods.js";
import type { Models } from "./models.js";
import type { OpenApi } from "./openapi.js";
import { operationName } from "./operations.js";

/** A client, and what in it a user of the generator may want to know. */
export interface EmittedClient {
  readonly text: string;
  readonly warnings: readonly Finding[];
}

/**
 * `client.ts`: a class with one method per operation. The signatures carry the types; what a method does is up to
 * the pipeline of `src/http`.
 *
 * @throws SpecError for names that cannot stand next to each other
 */
export function emitClient(
  api: OpenApi,
  { client: clientName, camelCase, style }: FullSpec,
  models: Models,
  runtime: RuntimePath,
): EmittedClient {
  const writer = new MethodWriter(api, models, style);
  const methods = api.operations.map((operation) => `\n${writer.method(operation)}`).join("");
  if (!isIdentifier(clientName))
    writer.findings.push(api.source.finding([], `client: ${clientName} is not an identifier`));
  throwFindings(writer.findings);
  const isClass = style !== "functions";
  const words = new Set(methods.match(/[A-Za-z_$][\w$]*/g));
  const runtimeTypes = ["CallOptions", "PagePromise", "QueryOptions", "ResponsePromise"].filter((name) =>
    words.has(name),
  );
  const constants = api.operations.map(({ id }) => operationName(id)).sort();
  const defaults = [`server: ${JSON.stringify(api.title)}`, ...(camelCase ? ["keyMap"] : [])];
  const list = (names: readonly string[]) =>
    names.length <= 4 ? `{ ${names.join(", ")} }` : `{\n${names.map((name) => `  ${name},\n`).join("")}}`;
  const imports = [
    `import { HttpClient } from "${runtime("http/index")}";`,
    `import type ${list([...runtimeTypes, "HttpClientOptions"].sort())} from "${runtime("http/index")}";`,
    ...(isClass ? [`import { type RawClient, rawClient } from "${runtime("http/raw")}";`] : []),
    ...(camelCase ? ['import { keyMap } from "./keys.js";'] : []),
    importModels(methods, models, list),
    ...(constants.length > 0 ? [`import ${list(constants)} from "./operations.js";`] : []),
    ...(isClass ? ['import type { paths } from "./types.js";'] : []),
  ].filter((line) => line !== undefined);
  const frame = isClass ? classText : functionsText;
  return {
    text: `${imports.join("\n")}\n\n${frame(clientName, api.title, defaults.join(", "), methods)}`,
    warnings: writer.warnings,
  };
}

/** A function that makes the pipeline, and one per operation that takes it: a bundle has only those that are called. */
function functionsText(clientName: string, title: string, defaults: string, functions: string): string {
  const name = clientName.charAt(0).toLowerCase() + clientName.slice(1);
  return `/**
 * The pipeline that the functions for ${title} take first. \`options\` may also be one that other clients share.
 *
 * @throws ValidationError \`INVALID_BASE_URL\`
 */
export function ${name}(options: HttpClientOptions | HttpClient): HttpClient {
  return HttpClient.of(options, { ${defaults} });
}
${functions}`;
}

function classText(clientName: string, title: string, defaults: string, methods: string): string {
  return `/** Every operation of ${title}, as a method. */
export class ${clientName} {
  readonly #http: HttpClient;
  #raw: RawClient<paths> | undefined;

  /**
   * \`options\` may also be a pipeline that other clients share.
   *
   * @throws ValidationError \`INVALID_BASE_URL\`
   */
  constructor(options: HttpClientOptions | HttpClient) {
    this.#http = HttpClient.of(options, { ${defaults} });
  }

  /** Without a trailing slash. */
  get baseUrl(): string {
    return this.#http.baseUrl;
  }

  /** The client of openapi-fetch, typed by \`paths\`, on the same pipeline: names and bodies as in the document. */
  get raw(): RawClient<paths> {
    this.#raw ??= rawClient<paths>(this.#http);
    return this.#raw;
  }

  /** Refuses further calls, waits up to \`graceMs\` (default: 10,000) for those in flight, then ends them with a ClosedError. */
  close(options?: { readonly graceMs?: number | undefined }): Promise<void> {
    return this.#http.close(options);
  }

  /** The same as \`close\`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
${methods}}
`;
}

/** The import of the models that signatures name. Doc comments name some as well, which does no harm. */
function importModels(
  methods: string,
  models: Models,
  list: (names: readonly string[]) => string,
): string | undefined {
  const code = methods.replace(/\/\*\*[\s\S]*?\*\//g, "");
  const words = new Set(code.match(/[A-Za-z_$][\w$]*/g));
  const used = [...models.names].filter((name) => words.has(name)).sort();
  return used.length > 0 ? `import type ${list(used)} from "./models.js";` : undefined;
}
