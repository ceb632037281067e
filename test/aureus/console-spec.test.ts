/** What the console document describes: no body is left open but the ones that are named here. */
import { join } from "node:path";
import { expect, it } from "vitest";
import { asRecord, readOpenApi, type SchemaAt } from "../../src/generate/openapi/openapi.ts";

const api = readOpenApi(join(import.meta.dirname, "../.."), "specs/aureus/console.yaml");

/** True if the schema, or that of its items, names members or says which plain values it holds. */
function described({ schema, path }: SchemaAt): boolean {
  if (schema["x-opaque"] === true) return false;
  if (schema.$ref !== undefined) {
    const name = schema.$ref.split("/").at(-1)!;
    return described({ schema: asRecord(asRecord(api.schemas)[name]), path });
  }
  if (schema.items !== undefined) return described({ schema: asRecord(schema.items), path });
  if (schema.allOf !== undefined) return schema.allOf.every((part) => described({ schema: part, path }));
  return Object.keys(schema.properties ?? {}).length > 0 || schema.type === "string";
}

it("every request body names its members", () => {
  const bodies = api.operations.filter(({ request }) => request !== undefined);
  expect(bodies).toHaveLength(49);
  expect(bodies.filter(({ request }) => !described(request!)).map(({ id }) => id)).toEqual([]);
});

it("every response names its members, but an artifact, which is text or JSON by its type", () => {
  expect(api.operations).toHaveLength(103);
  const open = api.operations.filter(({ responses }) => !described(responses[200]!)).map(({ id }) => id);
  expect(open).toEqual(["getTestArtifact"]);
});
