/** Judges values by the schemas of a generated document. */
import { ajvValidator } from "../../core/ajv-validator.js";
import type { JsonSchema } from "../../core/json-schema.js";
import type { CompiledSchema, Issue } from "../../core/validate.js";

/** The schemas of one spec, compiled when they are first needed. */
export class SpecSchemas {
  readonly #document: object;
  readonly #validator = ajvValidator({ allErrors: true, maxSchemas: 1_000 });
  readonly #compiled = new Map<string, Promise<CompiledSchema>>();

  /** `document`: a generated `schemaDocument`. */
  constructor(document: object) {
    this.#document = document;
  }

  /** The schema at an address, such as `…#/components/schemas/Task`. */
  at(address: string): Readonly<Record<string, unknown>> {
    const [, ...steps] = address.slice(address.indexOf("#")).split("/");
    const found = steps.reduce((at, step) => Reflect.get(at, step) as object, this.#document);
    return found as Readonly<Record<string, unknown>>;
  }

  /** Everything that is wrong with a value; empty if the schema at the address holds. */
  async issues(address: string, value: unknown): Promise<readonly Issue[]> {
    let compiled = this.#compiled.get(address);
    compiled ??= this.#validator.compile(this.#rooted(address));
    this.#compiled.set(address, compiled);
    const result = (await compiled).validate(value);
    return result.ok ? [] : result.issues;
  }

  /** The schema at an address with those that it refers to. */
  #rooted(address: string): JsonSchema {
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
    return JSON.parse(text.replaceAll(/"\$ref":"[^"#]*#/g, '"$ref":"#')) as JsonSchema;
  }
}
