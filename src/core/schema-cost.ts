/** How many steps the evaluation of one subschema counts for, apart from the subschemas in it. */
import { isObject } from "./json.js";

/** `own` steps, and `perMember` for each member of the value. */
export interface SchemaCost {
  readonly own: number;
  readonly perMember: number;
}

/** True for the keywords that hold plain values, where other keywords hold schemas or annotations. */
export function holdsValues(keyword: string): boolean {
  return keyword === "const" || keyword === "enum" || keyword === "dependentRequired";
}

/** The cost of a subschema: its own members, and the values in it that a value is compared with. */
export function schemaCost(schema: Readonly<Record<string, unknown>>): SchemaCost {
  let [own, perMember] = [0, 1];
  for (const [keyword, inner] of Object.entries(schema)) {
    own += 1 + (holdsValues(keyword) ? deepSize(inner) : widthOf(inner));
  }
  const compared = [schema.const, ...(Array.isArray(schema.enum) ? schema.enum : [])];
  for (const value of compared) if (typeof value === "object") perMember++;
  return { own, perMember };
}

/** The steps that one evaluation on a value counts for. */
export function stepsOn(value: unknown, { own, perMember }: SchemaCost): number {
  return own + perMember * widthOf(value);
}

function widthOf(value: unknown): number {
  if (typeof value === "string") return value.length / 8;
  if (Array.isArray(value)) return value.length;
  return isObject(value) ? Object.keys(value).length : 0;
}

function deepSize(value: unknown): number {
  if (typeof value !== "object" || value === null) return 1;
  return Object.values(value).reduce<number>((sum, inner) => sum + deepSize(inner), 1);
}
