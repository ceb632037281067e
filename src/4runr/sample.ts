/** What of a JSON Schema says how a value looks. */
interface Shape {
  readonly type?: string | readonly string[];
  readonly format?: string;
  readonly const?: unknown;
  readonly default?: unknown;
  readonly enum?: readonly unknown[];
  readonly examples?: readonly unknown[];
  readonly allOf?: readonly Shape[];
  readonly anyOf?: readonly Shape[];
  readonly oneOf?: readonly Shape[];
  readonly properties?: Readonly<Record<string, Shape>>;
  readonly items?: Shape;
  readonly minItems?: number;
  readonly minLength?: number;
  readonly minimum?: number;
  readonly exclusiveMinimum?: number;
  readonly maximum?: number;
}

const texts: Readonly<Record<string, string>> = {
  date: "2026-01-01",
  "date-time": "2026-01-01T00:00:00.000Z",
  email: "mock@example.com",
  uri: "https://example.com/",
  uuid: "00000000-0000-4000-8000-000000000000",
};

/**
 * A value that matches a JSON Schema, always the same: its first example if it has one, else one that is made of its
 * types and lower bounds. A `pattern` is met by examples only.
 */
export function sampleOf(schema: Shape): unknown {
  for (const list of [schema.examples, schema.enum]) if (list?.[0] !== undefined) return list[0];
  if (schema.const !== undefined) return schema.const;
  if (schema.default !== undefined) return schema.default;
  const variant = schema.oneOf?.[0] ?? schema.anyOf?.[0];
  if (variant !== undefined) return sampleOf({ ...schema, oneOf: [], anyOf: [], ...variant });
  if (schema.allOf !== undefined) {
    const { allOf, ...own } = schema;
    const properties = Object.assign({}, ...[...allOf, own].map((part) => part.properties));
    return sampleOf(Object.assign({}, ...allOf, own, { properties }));
  }
  const [type = schema.items ? "array" : "object"] = [schema.type ?? []].flat();
  switch (type) {
    case "null":
      return null;
    case "boolean":
      return false;
    case "integer":
    case "number": {
      const least =
        schema.minimum ?? (schema.exclusiveMinimum === undefined ? 0 : schema.exclusiveMinimum + 1);
      return Math.min(type === "integer" ? Math.ceil(least) : least, schema.maximum ?? Infinity);
    }
    case "string":
      return (texts[schema.format ?? ""] ?? "mock").padEnd(schema.minLength ?? 0, "-");
    case "array":
      return Array.from({ length: schema.minItems ?? 1 }, () => sampleOf(schema.items ?? {}));
    default:
      return Object.fromEntries(
        Object.entries(schema.properties ?? {}).map(([name, member]) => [name, sampleOf(member)]),
      );
  }
}
