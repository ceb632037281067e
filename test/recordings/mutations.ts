import { asRecord, type Schema } from "../../src/generate/openapi/openapi.ts";

/** Tells whether a value matches the schema at an address. */
export type Validate = (address: string, value: unknown) => boolean;

/** The schemas that requirements are read from. */
export interface Schemas {
  /** `$id` of the document. */
  readonly id: string;
  readonly components: Readonly<Record<string, Schema>>;
  readonly validate: Validate;
}

type Steps = readonly (string | number)[];

function pointer(step: string | number): string {
  return encodeURIComponent(String(step).replaceAll("~", "~0").replaceAll("/", "~1"));
}

/**
 * Every required member of a valid value, at any depth, as the steps that lead to it. Of a union, those of the
 * variants that fit.
 */
export function requiredMembers(
  schemas: Schemas,
  schema: Schema,
  address: string,
  value: unknown,
  at: Steps = [],
): Steps[] {
  const found: Steps[] = [];
  const descend = (child: unknown, item: unknown, way: Steps, steps: Steps) => {
    const target = `${address}/${way.map(pointer).join("/")}`;
    found.push(...requiredMembers(schemas, asRecord(child), target, item, [...at, ...steps]));
  };
  if (schema.$ref !== undefined) {
    const name = schema.$ref.split("/").at(-1)!;
    const target = schemas.id + schema.$ref;
    return requiredMembers(schemas, schemas.components[name] ?? {}, target, value, at);
  }
  for (const key of ["allOf", "anyOf", "oneOf"] as const) {
    for (const [index, variant] of (schema[key] ?? []).entries()) {
      if (schemas.validate(`${address}/${key}/${index}`, value)) descend(variant, value, [key, index], []);
    }
  }
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) {
      if (schema.items !== undefined) descend(schema.items, item, ["items"], [index]);
    }
    return found;
  }
  const members = asRecord(value);
  for (const name of schema.required ?? []) if (Object.hasOwn(members, name)) found.push([...at, name]);
  for (const [name, item] of Object.entries(members)) {
    const own = asRecord(schema.properties)[name];
    if (own !== undefined) descend(own, item, ["properties", name], [name]);
    else if (typeof schema.additionalProperties === "object") {
      descend(schema.additionalProperties, item, ["additionalProperties"], [name]);
    }
  }
  return found;
}

/** A copy of `value` without the member that `steps` lead to. */
export function withoutMember(value: unknown, steps: Steps): unknown {
  const copy: unknown = structuredClone(value);
  let parent = copy as Record<string | number, unknown>;
  for (const step of steps.slice(0, -1)) parent = parent[step] as Record<string | number, unknown>;
  delete parent[steps.at(-1)!];
  return copy;
}
