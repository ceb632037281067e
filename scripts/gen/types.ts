import openapiTS, { astToString, type OpenAPI3 } from "openapi-typescript";
import { header, printDoc } from "./emit.ts";
import { asRecord, type OpenApi, valueAt } from "./openapi.ts";

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
  return `${header(api.source.file)}\n${withComments(text, api.source.data)}`;
}

const FIXED_NAMES: Readonly<Record<string, string>> = {
  paths: "Every path, with its operations.",
  webhooks: "Requests the server makes by itself.",
  components: "Everything that has a name in the document.",
  $defs: "Definitions of the document outside of its components.",
  operations: "Every operation by its id.",
};

/** Gives each exported name the description of what it stands for, as a doc comment. */
function withComments(text: string, data: unknown): string {
  return text.replace(
    /^export (?:interface|type) ([\w$]+)(?: = components\['(\w+)'\]\['([^']+)'\];)?/gm,
    (line, name, group, key) => {
      const described =
        group === undefined
          ? FIXED_NAMES[name]
          : asRecord(valueAt(data, ["components", group, key])).description;
      return typeof described === "string" ? `${printDoc(described)}${line}` : line;
    },
  );
}
