import type { OpenAPI3 } from "openapi-typescript";
import { errorText } from "../../core/errors.js";
import { printDoc } from "../emit.js";
import { type Finding, SpecError } from "../finding.js";
import { loadOpenApiTypescript } from "../peers.js";
import { cutCycles, SAME_VALUE } from "./cycles.js";
import { hideNames, showNames } from "./hidden-names.js";
import { type OpenApi, refPath } from "./openapi.js";

/**
 * `types.ts`: the document as types, written by openapi-typescript.
 * @throws SpecError for what that tool refuses, and when it is not installed in the project in `root`
 */
export async function emitTypes(root: string, api: OpenApi, warnings: Finding[]): Promise<string> {
  const { default: openapiTS, astToString } = loadOpenApiTypescript(root);
  const data = structuredClone(api.source.data);
  // TypeScript refuses a member of an interface that refers to itself with no object in between.
  for (const path of cutCycles(data, [...SAME_VALUE, "items", "prefixItems"])) {
    const message = "a list of itself: `types.ts` has `unknown` for its items";
    warnings.push(api.source.finding(path, message, { severity: "warning" }));
  }
  let nodes: Parameters<typeof astToString>[0];
  try {
    nodes = await openapiTS(JSON.parse(hideNames(JSON.stringify(data))) as OpenAPI3, {
      // A request member with a default stays optional for the caller.
      defaultNonNullable: false,
      // An object whose members the spec leaves open may hold any, not none.
      emptyObjectsUnknown: true,
      silent: true,
    });
  } catch (error) {
    const message = showNames(errorText(error));
    const pointer = /#\/[^\s"'`,)]+/.exec(message)?.[0];
    const path = pointer === undefined ? [] : refPath(pointer);
    throw new SpecError([api.source.finding(path, `openapi-typescript refuses the document: ${message}`)]);
  }
  const text = astToString(nodes).replace(/^(?: {4})+/gm, (spaces) => " ".repeat(spaces.length / 2));
  return withComments(showNames(text));
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
