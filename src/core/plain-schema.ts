/**
 * Checks of values by the plain JSON Schemas of our own specs, where ajv is too large or may not generate code.
 * Keywords that {@link PlainSchema} does not have, and formats other than uri and email, hold for every value.
 */

/** The keywords that are checked. */
export interface PlainSchema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly format?: string;
  readonly pattern?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  /** At least one must hold: whether no other does may depend on keywords that are not checked. */
  readonly oneOf?: readonly PlainSchema[];
  readonly properties?: Readonly<Record<string, PlainSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | PlainSchema;
  readonly items?: PlainSchema;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
}

/** What is expected at one place, by keyword, and was not found there. */
export type Rule =
  | { readonly keyword: "type" | "enum" | "additionalProperties"; readonly expected: readonly unknown[] }
  | { readonly keyword: "minLength" | "maxLength" | "minItems" | "maxItems"; readonly expected: number }
  | { readonly keyword: "minimum" | "maximum" | "exclusiveMinimum"; readonly expected: number }
  | { readonly keyword: "pattern" | "format"; readonly expected: string }
  | { readonly keyword: "required" | "oneOf" | "finite"; readonly expected?: undefined };

/** One thing that is wrong with a value. */
export type Fault = Rule & {
  /** Where, from the outside in. */
  readonly at: readonly (string | number)[];
  readonly value: unknown;
};

const EMAIL = /^(?!\.)(?!.*\.\.)[\w'+.-]*[\w+-]@(?:[A-Z\d][A-Z\d-]*\.)+[A-Z]{2,}$/i;

const patterns = new Map<string, RegExp>();

function patternOf(source: string): RegExp {
  let pattern = patterns.get(source);
  if (pattern === undefined) {
    pattern = new RegExp(source, "u");
    patterns.set(source, pattern);
  }
  return pattern;
}

/** The type of a value in the words of JSON Schema; `nan` for NaN. */
export function typeName(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  return Number.isNaN(value) ? "nan" : typeof value;
}

/** Finds the schema of a `$ref`. */
export type Resolve = (ref: string) => PlainSchema | undefined;

/** All that is wrong with a value, in the order of the schema. */
export function faultsOf(schema: PlainSchema, value: unknown, resolve: Resolve = () => undefined): Fault[] {
  const visit = new Visit(resolve);
  visit.check(schema, value);
  return visit.faults;
}

class Visit {
  readonly faults: Fault[] = [];
  readonly #at: (string | number)[] = [];
  readonly #resolve: Resolve;

  constructor(resolve: Resolve) {
    this.#resolve = resolve;
  }

  check(schema: PlainSchema, value: unknown): void {
    if (schema.$ref !== undefined) {
      const target = this.#resolve(schema.$ref);
      return target && this.check(target, value);
    }
    const { type, oneOf } = schema;
    const allowed = schema.const === undefined ? schema.enum : [schema.const];
    if (value === undefined && (type ?? allowed) !== undefined)
      return this.#fail({ keyword: "required" }, value);
    if (allowed !== undefined) {
      if (!allowed.includes(value)) this.#fail({ keyword: "enum", expected: allowed }, value);
      return;
    }
    const name = typeName(value);
    if (type !== undefined && !isType(type, name, value))
      return this.#fail({ keyword: "type", expected: [type].flat() }, value);
    if (oneOf?.some((one) => faultsOf(one, value, this.#resolve).length === 0) === false)
      return this.#fail({ keyword: "oneOf" }, value);
    if (typeof value === "string") this.#text(schema, value);
    else if (typeof value === "number") this.#number(schema, value);
    else if (Array.isArray(value)) this.#list(schema, value);
    else if (name === "object") this.#members(schema, value as Readonly<Record<string, unknown>>);
  }

  #fail(rule: Rule, value: unknown): void {
    this.faults.push({ ...rule, at: [...this.#at], value });
  }

  #inside(step: string | number, schema: PlainSchema, value: unknown): void {
    this.#at.push(step);
    this.check(schema, value);
    this.#at.pop();
  }

  #text({ minLength = 0, maxLength = Infinity, pattern, format }: PlainSchema, text: string): void {
    if (text.length < minLength) this.#fail({ keyword: "minLength", expected: minLength }, text);
    if (text.length > maxLength) this.#fail({ keyword: "maxLength", expected: maxLength }, text);
    if (pattern !== undefined && !patternOf(pattern).test(text))
      this.#fail({ keyword: "pattern", expected: pattern }, text);
    if ((format === "uri" && !URL.canParse(text)) || (format === "email" && !EMAIL.test(text)))
      this.#fail({ keyword: "format", expected: format }, text);
  }

  #number(schema: PlainSchema, number: number): void {
    const { minimum = -Infinity, maximum = Infinity, exclusiveMinimum = -Infinity } = schema;
    if (!Number.isFinite(number)) return this.#fail({ keyword: "finite" }, number);
    if (number < minimum) this.#fail({ keyword: "minimum", expected: minimum }, number);
    if (number > maximum) this.#fail({ keyword: "maximum", expected: maximum }, number);
    if (number <= exclusiveMinimum)
      this.#fail({ keyword: "exclusiveMinimum", expected: exclusiveMinimum }, number);
  }

  #list({ minItems = 0, maxItems = Infinity, items }: PlainSchema, list: readonly unknown[]): void {
    if (list.length < minItems) this.#fail({ keyword: "minItems", expected: minItems }, list);
    if (list.length > maxItems) this.#fail({ keyword: "maxItems", expected: maxItems }, list);
    if (items !== undefined) for (const [index, item] of list.entries()) this.#inside(index, items, item);
  }

  /** A member that is undefined is never written, so it counts as absent. */
  #members(schema: PlainSchema, object: Readonly<Record<string, unknown>>): void {
    const { properties = {}, required = [], additionalProperties: rest } = schema;
    for (const key in properties) {
      const item = Object.hasOwn(object, key) ? object[key] : undefined;
      if (item !== undefined || required.includes(key))
        this.#inside(key, item === undefined ? MISSING : properties[key]!, item);
    }
    for (const key of required) {
      if (!Object.hasOwn(properties, key) && (!Object.hasOwn(object, key) || object[key] === undefined))
        this.#inside(key, MISSING, undefined);
    }
    if (rest === undefined || rest === true) return;
    const others = Object.keys(object).filter(
      (key) => object[key] !== undefined && !Object.hasOwn(properties, key),
    );
    if (rest !== false) for (const key of others) this.#inside(key, rest, object[key]);
    else if (others.length > 0) this.#fail({ keyword: "additionalProperties", expected: others }, object);
  }
}

/** Nothing matches it: for a member that is required and absent. */
const MISSING: PlainSchema = { type: [] };

function isType(type: string | readonly string[], name: string, value: unknown): boolean {
  if (type === name || (typeof type !== "string" && type.includes(name))) return true;
  return type.includes("integer") && Number.isInteger(value);
}
