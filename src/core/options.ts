/** Checks of options, when they are given: one wording for all, with each name as the caller wrote it. */
import { ValidationError } from "./errors.js";

/** What an option may be: one of a list, a type, a number within bounds, or an object with the methods named in `has`. */
export type OptionRule = readonly string[] | keyof typeof types | NumberRule | MethodsRule;

interface MethodsRule {
  readonly has: readonly string[];
  /** A function is good too, such as one that opens what has the methods. */
  readonly orFunction?: boolean;
}

interface NumberRule {
  readonly orFunction?: boolean;
  readonly min?: number;
  readonly above?: number;
  readonly max?: number;
  readonly whole?: boolean;
}

const types = {
  boolean: ["true or false", (value: unknown) => typeof value === "boolean"],
  function: ["a function", (value: unknown) => typeof value === "function"],
  object: ["an object", (value: unknown) => typeof value === "object" && value !== null],
  list: ["a list", (value: unknown) => Array.isArray(value)],
  string: ["a string", (value: unknown) => typeof value === "string"],
  text: ["a string that is not empty", (value: unknown) => typeof value === "string" && value !== ""],
  clock: [
    "a clock",
    (value: unknown) => hasMethods(value, ["now", "monotonic", "setTimeout", "clearTimeout"]),
  ],
  strings: ["an object of strings", (value: unknown) => isObjectOf(value, "string")],
  booleans: ["an object of booleans", (value: unknown) => isObjectOf(value, "boolean")],
  signal: [
    "an AbortSignal",
    (value: unknown) => typeof (value as AbortSignal | null)?.throwIfAborted === "function",
  ],
} as const;

function isObjectOf(value: unknown, type: string): boolean {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  return Object.values(value).every((one) => typeof one === type);
}

/** A wait or a limit in milliseconds, of any length. */
export const milliseconds: OptionRule = { min: 0 };

/** A number of things of which there must be one at least; `Infinity` is as good as any. */
export const atLeastOne: NumberRule = { min: 1, whole: true };

/** The same for a number that a server stores: it has to be exact. */
export const exactCount: NumberRule = { ...atLeastOne, max: Number.MAX_SAFE_INTEGER };

/**
 * Checks the options that are given; undefined is always allowed.
 *
 * @throws ValidationError that says which option, what it may be and what was found.
 */
export function checkOptions<Options extends object>(
  options: Options,
  rules: { readonly [Name in keyof Options]?: OptionRule },
): void {
  if (!types.object[1](options)) throw invalid("the options", "an object", options);
  for (const name of Object.keys(rules) as (keyof Options & string)[]) {
    const value = options[name];
    if (value !== undefined) checkOption(name, value, rules[name]!);
  }
}

/** The same for a single value. */
export function checkOption(name: string, value: unknown, rule: OptionRule): void {
  if (typeof rule === "string") {
    const [words, fits] = types[rule];
    if (!fits(value)) throw invalid(name, words, value);
  } else if ("length" in rule) {
    if (!rule.includes(value as string))
      throw invalid(name, rule.map((one) => JSON.stringify(one)).join(" or "), value);
  } else if (!(rule.orFunction && typeof value === "function")) {
    const fits = "has" in rule ? hasMethods(value, rule.has) : isWithin(value, rule);
    if (fits) return;
    const words = "has" in rule ? `an object with ${rule.has.join(", ")}` : boundsOf(rule, value);
    throw invalid(name, rule.orFunction ? `${words}, or a function` : words, value);
  }
}

function hasMethods(value: unknown, names: readonly string[]): boolean {
  const object = value as Record<string, unknown> | null;
  return (
    typeof object === "object" && object !== null && names.every((name) => typeof object[name] === "function")
  );
}

function isWithin(value: unknown, { min = -Infinity, above = -Infinity, max = Infinity, whole }: NumberRule) {
  if (typeof value !== "number" || !(value >= min && value <= max)) return false;
  return value > above && (whole !== true || Number.isInteger(value) || value === Infinity);
}

function boundsOf({ min, above, max, whole }: NumberRule, value: unknown): string {
  const number = whole ? "a whole number" : "a number";
  // The limit of exact numbers is of interest only to who exceeds it.
  const isShown = max !== Number.MAX_SAFE_INTEGER || (typeof value === "number" && value > max);
  const upTo =
    max === undefined || !isShown ? "" : max === Number.MAX_VALUE ? " and finite" : ` and at most ${max}`;
  const from = above !== undefined ? ` above ${above}` : min !== undefined ? ` of at least ${min}` : "";
  return `${number}${from}${upTo}`;
}

function invalid(name: string, wanted: string, value: unknown): ValidationError {
  const found =
    typeof value === "string"
      ? JSON.stringify(value.slice(0, 40))
      : typeof value === "number" || value === null
        ? String(value)
        : `a value of type ${typeof value}`;
  return new ValidationError(`${name} must be ${wanted}, found ${found}`);
}
