/** ajv set up for each revision of JSON Schema, loaded only when the first schema is compiled. */
import type {
  Ajv,
  AnySchemaObject,
  CodeKeywordDefinition,
  KeywordCxt,
  Options,
  SchemaValidateFunction,
  ValidateFunction,
} from "ajv";
import { type Dialect, metaSchemaIds } from "./json-schema.js";
import { linearPattern } from "./linear-pattern.js";
import { type SchemaCost, stepsOn } from "./schema-cost.js";
import { stepsKeyword } from "./schema-rewrite.js";

/** What is needed of one revision. */
export interface AjvDialect {
  /** Judges a schema by its revision's meta-schema. */
  readonly checkSchema: ValidateFunction;
  /** A fresh instance for a single schema: what it compiles goes when the instance goes. */
  create(options: InstanceOptions): Ajv;
}

/** How an instance differs from one schema to the next. */
export interface InstanceOptions {
  /** Go on after the first issue of a value. */
  readonly allErrors: boolean;
  /** Know the meta-schemas by name; only a schema that refers to one needs this. */
  readonly withMetaSchemas: boolean;
  /** Called with the steps that compiling patterns and judging take; may throw to end them. Default: not counted. */
  readonly spend?: ((steps: number) => void) | undefined;
  /** Called for each `$ref` that leads nowhere. What it returns is thrown when a value gets there. */
  onUnresolved(ref: string): unknown;
}

type AjvClass = new (options?: Options) => Ajv;

/**
 * The same verdicts as other validators give: unknown keywords and formats are ignored, only own properties
 * count, a number is finite, and a pattern is read with the `u` flag, or without it when it is only valid without it.
 */
function baseOptions(dialect: Dialect): Options {
  return {
    strict: false,
    strictNumbers: true,
    validateFormats: false,
    ownProperties: true,
    validateSchema: false,
    logger: false,
    // Inlined, a few thousand references to a large schema take all memory.
    inlineRefs: false,
    code: { regExp: lenientRegExp },
    // Up to draft-07 nothing beside a $ref counts.
    ignoreKeywordsWithRef: dialect.startsWith("draft"),
  };
}

const lenientRegExp = Object.assign(
  (pattern: string): RegExp => {
    try {
      return new RegExp(pattern, "u");
    } catch {
      return new RegExp(pattern);
    }
  },
  // ajv's types want the source of the function, for modules written to a file. None are written here.
  { code: "" },
);

function countedRegExp(spend: (steps: number) => void): RegExpEngine {
  return Object.assign((pattern: string) => linearPattern(pattern, spend), { code: "" });
}

type RegExpEngine = NonNullable<NonNullable<Options["code"]>["regExp"]>;

/** ajv reads these although the revision does not know them (any more), or refuses to read them at all. */
const foreignKeywords: Readonly<Record<Dialect, readonly string[]>> = {
  "draft-04": ["const", "contains", "if", "propertyNames"],
  "draft-06": ["id", "if"],
  "draft-07": ["id"],
  "2019-09": ["id", "dependencies"],
  "2020-12": ["id", "dependencies"],
};

async function loadClass(dialect: Dialect): Promise<AjvClass> {
  switch (dialect) {
    case "draft-04":
      return (await import("ajv-draft-04")).default.default as unknown as AjvClass;
    case "2019-09":
      return (await import("ajv/dist/2019.js")).default.default as unknown as AjvClass;
    case "2020-12":
      return (await import("ajv/dist/2020.js")).default.default as unknown as AjvClass;
    default:
      return (await import("ajv")).default.default as unknown as AjvClass;
  }
}

/**
 * The meta-schemas that ajv does not have: draft-06 has what ajv's draft-07 has, less a few keywords, and draft-07 takes
 * any list for an `enum`.
 */
function ownMetaSchema(dialect: Dialect, ajv: Ajv): AnySchemaObject | undefined {
  if (dialect !== "draft-06" && dialect !== "draft-07") return undefined;
  const ajvs = ajv.getSchema(metaSchemaIds["draft-07"])?.schema as AnySchemaObject;
  const properties: Record<string, unknown> = { ...ajvs.properties };
  if (dialect === "draft-07") properties.enum = { type: "array" };
  else for (const keyword of laterKeywords) delete properties[keyword];
  const $id = `${metaSchemaIds[dialect]}#`;
  return { ...ajvs, $id, $schema: $id, properties };
}

/** Keywords of draft-07 that draft-06 does not have. */
const laterKeywords = ["$comment", "readOnly", "contentMediaType", "contentEncoding", "if", "then", "else"];

/** Replaces ajv's `$ref`, which fails to compile on a reference to nowhere, by one that throws when it is reached. */
function reportUnresolved(ajv: Ajv, onUnresolved: InstanceOptions["onUnresolved"]): void {
  const own = ajv.getKeyword("$ref") as CodeKeywordDefinition;
  const code = (cxt: KeywordCxt): void => {
    try {
      own.code(cxt);
    } catch (error) {
      if (!(error instanceof Error) || !("missingRef" in error)) throw error;
      cxt.gen.throw(cxt.gen.scopeValue("keyword", { ref: onUnresolved(String(cxt.schema)) }));
    }
  };
  ajv.removeKeyword("$ref");
  ajv.addKeyword({ ...own, keyword: "$ref", code });
}

/** Counts the evaluations of all subschemas, each before any other keyword of its subschema has a say. */
function countSteps(ajv: Ajv, spend: (steps: number) => void): void {
  ajv.addKeyword({
    keyword: stepsKeyword,
    schemaType: "object",
    errors: false,
    validate: (cost: SchemaCost, value: unknown) => {
      spend(stepsOn(value, cost));
      return true;
    },
  });
  const groups = ajv.RULES.rules;
  const group = groups.find(({ rules }) => rules.at(-1)?.keyword === stepsKeyword);
  const rule = group?.rules.pop();
  if (rule === undefined)
    throw new TypeError("this version of ajv is not supported: it has no rule for a keyword");
  groups.unshift({ rules: [rule] });
}

/** Replaces ajv's `uniqueItems`, which compares every item with every other. */
function uniqueItemsInOnePass(ajv: Ajv, spend: (steps: number) => void = () => {}): void {
  const validate: SchemaValidateFunction = (wanted: boolean, items: readonly unknown[]) => {
    const seen = new Map<string, number>();
    for (const [i, item] of items.entries()) {
      if (!wanted) return true;
      const text = sortedJson(item);
      spend(text.length / 8);
      const j = seen.get(text);
      if (j !== undefined) {
        const message = `must NOT have duplicate items (items ## ${j} and ${i} are identical)`;
        validate.errors = [{ keyword: "uniqueItems", message, params: { i, j } }];
        return false;
      }
      seen.set(text, i);
    }
    return true;
  };
  ajv.removeKeyword("uniqueItems");
  ajv.addKeyword({ keyword: "uniqueItems", type: "array", schemaType: "boolean", errors: true, validate });
}

/** JSON text that is the same for equal values, whatever the order of their members. */
function sortedJson(value: unknown): string {
  if (typeof value !== "object" || value === null) return String(JSON.stringify(value));
  if (Array.isArray(value)) return `[${value.map(sortedJson).join()}]`;
  const members = Object.entries(value).map(
    ([name, inner]) => `${JSON.stringify(name)}:${sortedJson(inner)}`,
  );
  return `{${members.sort().join()}}`;
}

async function load(dialect: Dialect): Promise<AjvDialect> {
  const AjvOfDialect = await loadClass(dialect);
  const options = baseOptions(dialect);
  const metaAjv = new AjvOfDialect(options);
  uniqueItemsInOnePass(metaAjv);
  const own = ownMetaSchema(dialect, metaAjv);
  const addOwn = (ajv: Ajv): void => {
    if (own) ajv.removeSchema(metaSchemaIds[dialect]).addMetaSchema(own);
  };
  addOwn(metaAjv);
  const checkSchema = metaAjv.getSchema(metaSchemaIds[dialect]) as ValidateFunction;
  return {
    checkSchema,
    create({ allErrors, withMetaSchemas, onUnresolved, spend }) {
      const ajv = new AjvOfDialect({
        ...options,
        allErrors,
        meta: withMetaSchemas,
        ...(spend && { code: { regExp: countedRegExp(spend) } }),
      });
      if (spend) countSteps(ajv, spend);
      uniqueItemsInOnePass(ajv, spend);
      if (withMetaSchemas) addOwn(ajv);
      for (const keyword of foreignKeywords[dialect]) ajv.removeKeyword(keyword);
      reportUnresolved(ajv, onUnresolved);
      return ajv;
    },
  };
}

const loaded = new Map<Dialect, Promise<AjvDialect>>();

/**
 * ajv for a revision of JSON Schema. The code of ajv is loaded on the first call, the meta-schema compiled
 * once per revision. Rejects with an `EvalError` where code generation is forbidden.
 */
export function ajvDialect(dialect: Dialect): Promise<AjvDialect> {
  let found = loaded.get(dialect);
  if (found === undefined) {
    found = load(dialect);
    loaded.set(dialect, found);
    found.catch(() => loaded.delete(dialect));
  }
  return found;
}
