/**
 * Checks of frames, made from the schemas that the spec gives: what it says is not repeated by hand. Covers the
 * keywords those schemas use. Formats are not asserted.
 */
import { type SchemaName, schemaDocument } from "../../gen/neuron/index.js";

/** What is wrong with a value, in words; undefined when it matches. */
export type FrameCheck = (value: unknown, path: string) => string | undefined;

interface Node {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly oneOf?: readonly Node[];
  readonly pattern?: string;
  readonly minLength?: number;
  readonly minItems?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, Node>>;
  readonly additionalProperties?: unknown;
  readonly items?: Node;
}

const compiled = new Map<string, FrameCheck>();

/** The check of a schema of the spec, made when it is first asked for. */
export function frameCheck(name: SchemaName): FrameCheck {
  let check = compiled.get(name);
  if (check === undefined) {
    // Entered before it is made: schemas may refer to each other.
    compiled.set(name, (value, path) => check!(value, path));
    check = compile(schemaDocument.components.schemas[name] as Node);
    compiled.set(name, check);
  }
  return check;
}

function compile(node: Node): FrameCheck {
  if (node.$ref !== undefined)
    return frameCheck(node.$ref.slice(node.$ref.lastIndexOf("/") + 1) as SchemaName);
  const checks = [typeCheck(node), valueCheck(node), objectCheck(node), arrayCheck(node)].filter(
    (check) => check !== undefined,
  );
  return (value, path) => {
    for (const check of checks) {
      const problem = check(value, path);
      if (problem !== undefined) return problem;
    }
    return undefined;
  };
}

function typeOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  return typeof value;
}

function typeCheck({ type }: Node): FrameCheck | undefined {
  if (type === undefined) return undefined;
  const allowed = [type].flat();
  return (value, path) => {
    const is = typeOf(value);
    const fits =
      allowed.includes(is) || (is === "number" && allowed.includes("integer") && Number.isInteger(value));
    return fits ? undefined : `${path} must be ${allowed.join(" or ")}`;
  };
}

function valueCheck(node: Node): FrameCheck | undefined {
  const { enum: list, oneOf, pattern, minLength = 0, minimum, maximum, exclusiveMinimum } = node;
  const form = pattern === undefined ? undefined : new RegExp(pattern, "u");
  const variants = oneOf?.map(compile);
  return (value, path) => {
    if ("const" in node && value !== node.const) return `${path} must be ${JSON.stringify(node.const)}`;
    if (list && !list.includes(value)) return `${path} must be one of ${list.join(", ")}`;
    if (variants && variants.filter((fits) => fits(value, path) === undefined).length !== 1)
      return `${path} matches none of its forms`;
    if (typeof value === "string") {
      if (value.length < minLength) return `${path} must not be empty`;
      if (form && !form.test(value)) return `${path} must match ${pattern}`;
    } else if (typeof value === "number") {
      if (!Number.isFinite(value)) return `${path} must be a finite number`;
      if (minimum !== undefined && value < minimum) return `${path} must be at least ${minimum}`;
      if (maximum !== undefined && value > maximum) return `${path} must be at most ${maximum}`;
      if (exclusiveMinimum !== undefined && value <= exclusiveMinimum)
        return `${path} must be more than ${exclusiveMinimum}`;
    }
    return undefined;
  };
}

function objectCheck(node: Node): FrameCheck | undefined {
  const { required = [], additionalProperties } = node;
  const members = new Map(Object.entries(node.properties ?? {}).map(([key, value]) => [key, compile(value)]));
  if (required.length === 0 && members.size === 0) return undefined;
  return (value, path) => {
    if (typeOf(value) !== "object") return undefined;
    const object = value as Record<string, unknown>;
    // A member that is undefined is never written.
    for (const key of required) {
      if (!Object.hasOwn(object, key) || object[key] === undefined) return `${path}.${key} is missing`;
    }
    for (const [key, member] of Object.entries(object)) {
      if (member === undefined) continue;
      const check = members.get(key);
      if (check === undefined && additionalProperties === false) return `${path}.${key} is not known`;
      const problem = check?.(member, `${path}.${key}`);
      if (problem !== undefined) return problem;
    }
    return undefined;
  };
}

function arrayCheck({ items, minItems = 0 }: Node): FrameCheck | undefined {
  if (items === undefined) return undefined;
  const check = compile(items);
  return (value, path) => {
    if (!Array.isArray(value)) return undefined;
    if (value.length < minItems) return `${path} must have at least ${minItems} entries`;
    for (const [index, item] of value.entries()) {
      const problem = check(item, `${path}[${index}]`);
      if (problem !== undefined) return problem;
    }
    return undefined;
  };
}
