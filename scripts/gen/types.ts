import openapiTS, { astToString, type OpenAPI3 } from "openapi-typescript";
import { header } from "./emit.ts";
import type { OpenApi } from "./openapi.ts";

/**
 * `types.ts`: the document as types, made by openapi-typescript. Each component schema is also a type of its
 * own name.
 */
export async function emitTypes(api: OpenApi): Promise<string> {
  const nodes = await openapiTS(structuredClone(api.source.data) as OpenAPI3, {
    // A request member with a default stays optional for the caller.
    defaultNonNullable: false,
    // An object whose members the spec leaves open may hold any, not none.
    emptyObjectsUnknown: true,
    rootTypes: true,
    rootTypesNoSchemaPrefix: true,
    rootTypesKeepCasing: true,
    silent: true,
  });
  const text = astToString(nodes).replace(/^(?: {4})+/gm, (spaces) => " ".repeat(spaces.length / 2));
  return `${header(api.source.file)}\n${text}`;
}
