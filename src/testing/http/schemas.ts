/** Judges values by the schemas of a generated document. */
import { ajvValidator } from "../../core/ajv-validator.js";
import type { Issue, JsonSchema } from "../../core/json-schema.js";

/** A schema of a document, as an object. */
export type SchemaObject = Readonly<Record<string, unknown>>;

/** The schemas of one spec, compiled when they are first needed. */
export class SpecSchemas {
  readonly #document: object;
  readonly #validator = ajvValidator({ allErrors: true, maxSchemas: 1_000 });
  readonly #rooted = new Map<string, JsonSchema>();

  /** `document`: a generated `schemaDocument`. */
  constructor(document: object) {
    this.#document = document;
  }

  /** The schema at an address, such as `…#/components/schemas/Task`. */
  at(address: string): SchemaObject {
    const [, ...steps] = address.slice(address.indexOf("#")).split("/");
    const found = steps.reduce((at, step) => Reflect.get(at, step) as object, this.#document);
    return found as SchemaObject;
  }

  /** Everything that is wrong with a value; empty if the schema, or the one at the address, holds. */
  async issues(schema: string | JsonSchema, value: unknown): Promise<readonly Issue[]> {
    const compiled = await this.#validator.compile(typeof schema === "string" ? this.#whole(schema) : schema);
    const result = compiled.validate(value);
    return result.ok ? [] : result.issues;
  }

  /** The schema at an address with those that it refers to. */
  #whole(address: string): JsonSchema {
    const known = this.#rooted.get(address);
    if (known !== undefined) return known;
    const schemas: Record<string, object> = {};
    const take = (schema: object): void => {
      for (const [, name = ""] of JSON.stringify(schema).matchAll(/#\/components\/schemas\/([^"]+)"/g)) {
        if (Object.hasOwn(schemas, name)) continue;
        schemas[name] = this.at(`#/components/schemas/${name}`);
        take(schemas[name]);
      }
    };
    const root = this.at(address);
    take(root);
    const text = JSON.stringify({ ...root, components: { schemas } });
    const whole = JSON.parse(text.replaceAll(/"\$ref":"[^"#]*#/g, '"$ref":"#')) as JsonSchema;
    this.#rooted.set(address, whole);
    return whole;
  }
}
