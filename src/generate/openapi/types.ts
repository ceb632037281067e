import openapiTS, { astToString, type OpenAPI3 } from "openapi-typescript";
import { header, printDoc } from "../emit.js";
import type { OpenApi } from "./openapi.js";

/** `types.ts`: the document as types, made by openapi-typescript. */
export async function emitTypes(api: OpenApi): Promise<string> {
  const nodes = await openapiTS(structuredClone(api.source.data) as OpenAPI3, {
    // A request member with a default stays optional for the caller.
    defaultNonNullable: false,
    // An object whose members the spec leaves open may hold any, not none.
    emptyObjectsUnknown: true,
    silent: true,
  });
  const text = astToString(nodes).replace(/^(?: {4})+/gm, (spaces) => " ".repeat(spaces.length / 2));
  return `${header(api.source.file)}\n${withComments(text)}`;
}

const COMMENTS: Readonly<Record<string, string>> = {
  paths: "Every path, with its operations.",
  webhooks: "Requests the server makes by itself.",
  components: "Everything that has a name in the document.",
  $defs: "Definitions of the document outside of its components.",
  operations: "Every operation by its id.",
};

/** Gives each exported name a doc comment. */
function withComments(text: string): string {
  return text.replace(
    /^export (?:interface|type) ([\w$]+)/gm,
    (line, name: string) => printDoc(COMMENTS[name]) + line,
  );
}
