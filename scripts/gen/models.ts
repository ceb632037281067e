import { header, isIdentifier, pascalCase, printDoc } from "./emit.ts";
import { type Finding, throwFindings } from "./finding.ts";
import { queryName } from "./keys.ts";
import { asRecord, type OpenApi, type Schema } from "./openapi.ts";
import { docOf, flatten, modelStyle, objectText, type TypeStyle, typeText } from "./type-text.ts";
import { reachable } from "./walk.ts";

/** One exported type: an interface where the schema is an object, an alias elsewhere. */
function declaration(api: OpenApi, name: string, schema: Schema, style: TypeStyle): string {
  const flat = schema.$ref === undefined ? flatten(api, schema) : undefined;
  const doc = printDoc(docOf(schema));
  if (flat !== undefined && Object.keys(flat.properties).length > 0) {
    return `${doc}export interface ${name} ${objectText(api, flat, style, 0)}\n`;
  }
  return `${doc}export type ${name} = ${typeText(api, schema, style)};\n`;
}

/**
 * `models.ts`: the component schemas as plain camelCase types, then the queries and the bodies that stand
 * inside operations. With `openEnums`, an enum that can be read may hold values that are not known yet.
 */
export function emitModels(api: OpenApi, openEnums: boolean): string {
  const findings: Finding[] = [];
  const written = new Set<string>();
  const texts: string[] = [];
  const write = (name: string, schema: Schema, open: boolean, path: readonly (string | number)[]) => {
    if (!isIdentifier(name)) findings.push(api.source.finding(path, `${name} cannot be the name of a type`));
    if (written.has(name)) findings.push(api.source.finding(path, `there are two types called ${name}`));
    written.add(name);
    texts.push(declaration(api, name, schema, modelStyle(openEnums && open)));
  };

  const read = reachable(api, "read");
  const sent = reachable(api, "write");
  for (const [name, schema] of Object.entries(api.schemas)) {
    write(name, schema, read.has(name) || !sent.has(name), ["components", "schemas", name]);
  }
  for (const operation of api.operations) {
    const { id, request, responses, path } = operation;
    const query = operation.parameters.filter((parameter) => parameter.in === "query");
    if (query.length > 0) {
      const properties = query.map(({ name, schema, description }) => [
        name,
        { description, ...asRecord(schema.schema) },
      ]);
      const required = query.filter((parameter) => parameter.required).map(({ name }) => name);
      const schema: Schema = {
        description: `Query of \`${id}\`.`,
        properties: Object.fromEntries(properties),
        required,
      };
      write(queryName(operation), schema, false, path);
    }
    if (request !== undefined && isInline(request.schema)) {
      write(
        `${pascalCase(id)}Request`,
        { description: `Body of \`${id}\`.`, ...request.schema },
        false,
        request.path,
      );
    }
    for (const [status, body] of Object.entries(responses)) {
      if (!isInline(body.schema) || !status.startsWith("2")) continue;
      const description = `Answer ${status} of \`${id}\`.`;
      const suffix = written.has(`${pascalCase(id)}Response`) ? `Response${status}` : "Response";
      write(`${pascalCase(id)}${suffix}`, { description, ...body.schema }, true, body.path);
    }
  }
  throwFindings(findings);
  return `${header(api.source.file)}\n${texts.join("\n")}`;
}

function isInline(schema: Schema): boolean {
  return schema.$ref === undefined;
}
