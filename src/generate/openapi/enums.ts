import { printDoc, printValue } from "../emit.js";
import type { Models } from "./models.js";
import type { OpenApi, Schema } from "./openapi.js";

/** The component schemas that are enums of strings, by name. */
function stringEnums(api: OpenApi, models: Models): [string, Schema, readonly string[]][] {
  return Object.entries(api.schemas).flatMap(([name, schema]) => {
    const values = schema["x-opaque"] === true ? [] : [...new Set(schema.enum ?? [])];
    const isEnum = values.length > 0 && values.every((value) => typeof value === "string");
    return isEnum ? [[models.style.ref(name), schema, values]] : [];
  });
}

/** `in_progress`, `inProgress` → `IN_PROGRESS`. */
function upperSnake(value: string): string {
  return value
    .replace(/([a-z0-9])([A-Z])/g, "$1_$2")
    .replace(/[^A-Za-z0-9]+/g, "_")
    .replace(/^_+|_+$/g, "")
    .toUpperCase();
}

/** Keys are the values in UPPER_SNAKE; the values themselves if two of them would have the same key, or one none. */
function withKeys(values: readonly string[]): Record<string, string> {
  const keys = values.map(upperSnake);
  const usable = new Set(keys).size === keys.length && !keys.includes("");
  return Object.fromEntries(values.map((value, index) => [usable ? keys[index] : value, value]));
}

/**
 * `enums.ts`: an object with the values of each named enum of strings, and its type under the same name. The type is
 * that of `models.ts`. Undefined if the document has no such enum.
 */
export function emitEnums(api: OpenApi, models: Models): string | undefined {
  const texts = stringEnums(api, models).map(([name, { description }, values]) => {
    const doc = printDoc(description);
    const value = printValue(withKeys(values), 0, `export const ${name} =  as const;`.length);
    return `\n${doc}export const ${name} = ${value} as const;\n${doc}export type ${name} = models.${name};\n`;
  });
  if (texts.length === 0) return undefined;
  return `import type * as models from "./models.js";\n${texts.join("")}`;
}

/** The line of a barrel for `enums.ts`: by name, so that it goes before the types of the same names. */
export function enumExports(api: OpenApi, models: Models): string {
  return `export { ${stringEnums(api, models)
    .map(([name]) => name)
    .join(", ")} } from "./enums.js";\n`;
}
