/** What a schema from a peer may cost: bounds on its form, checked before it is compiled. */
import { ValidationError } from "./errors.js";
import { holdsValues } from "./schema-cost.js";
import { type Role, roleOf } from "./schema-rewrite.js";

/** Levels of nesting of a schema from a peer. */
export const maxSchemaDepth = 64;
/** Objects, lists and booleans in a schema from a peer. Compiling takes up to the square of it. */
export const maxSchemaNodes = 500;
/** All members and items of a schema from a peer. */
export const maxSchemaMembers = 10_000;
/** Steps that compiling the patterns of a schema, or judging one value by it, may take. */
export const maxSchemaSteps = 1_000_000;

/** The error for a schema, or a value under a schema, that takes more than its bounds allow. */
export function tooComplex(why: string): ValidationError {
  return new ValidationError(`the schema is too complex: ${why}`, { code: "SCHEMA_TOO_COMPLEX" });
}

interface Walk {
  nodes: number;
  members: number;
  readonly refs: Set<string>;
  nestedIds: number;
}

/**
 * Checks the form of a schema from a peer: depth, size, and what its references add up to when each of their
 * targets is compiled.
 *
 * @throws ValidationError `SCHEMA_TOO_COMPLEX`.
 */
export function checkSchemaBounds(schema: unknown): void {
  const walk: Walk = { nodes: 0, members: 0, refs: new Set(), nestedIds: 0 };
  measure(schema, walk, 1);
  let compiled = walk.nodes;
  for (const ref of walk.refs) {
    compiled += targetNodes(schema, ref, walk);
    if (compiled > 3 * maxSchemaNodes) {
      throw tooComplex(
        `its references add up to more than ${3 * maxSchemaNodes} objects, lists and booleans`,
      );
    }
  }
}

function measure(value: unknown, walk: Walk, depth: number): void {
  if (value === null || (typeof value !== "object" && typeof value !== "boolean")) return;
  if (depth > maxSchemaDepth) throw tooComplex(`more than ${maxSchemaDepth} levels of nesting`);
  if (++walk.nodes > maxSchemaNodes) {
    throw tooComplex(`more than ${maxSchemaNodes} objects, lists and booleans`);
  }
  for (const [key, inner] of Object.entries(value)) {
    if (++walk.members > maxSchemaMembers) throw tooComplex(`more than ${maxSchemaMembers} members`);
    if (typeof inner === "string") {
      if (key === "$ref" || key === "$dynamicRef" || key === "$recursiveRef") walk.refs.add(inner);
      if ((key === "$id" || key === "id") && depth > 1) walk.nestedIds++;
    }
    measure(inner, walk, depth + 1);
  }
}

/** How much is compiled for a reference: its target, or all where the target is not a place under the root. */
function targetNodes(root: unknown, ref: string, { nodes, nestedIds }: Walk): number {
  const [, pointer] = /^#((?:\/[^/]*)*)$/.exec(ref) ?? [];
  // A doubly encoded pointer means different places to different readers.
  if (ref.includes("%25")) throw tooComplex(`the reference ${JSON.stringify(ref.slice(0, 100))}`);
  const steps = (ref.split("#")[1] ?? "").split("/").slice(1).map(unescapeStep);
  let role: Role = "schema";
  for (const step of steps) {
    if (role !== "map" && holdsValues(step)) {
      throw tooComplex(`a reference leads into \`${step}\`, which holds values`);
    }
    role = roleOf(step, role);
  }
  if (nestedIds > 0) return nodes * nestedIds;
  if (pointer === undefined) return nodes;
  let target = root;
  for (const step of steps) {
    if (typeof target !== "object" || target === null || !Object.hasOwn(target, step)) return nodes;
    target = (target as Record<string, unknown>)[step];
  }
  const below: Walk = { nodes: 0, members: 0, refs: new Set(), nestedIds: 0 };
  measure(target, below, 1);
  return below.nodes;
}

function unescapeStep(step: string): string {
  let decoded = step;
  try {
    decoded = decodeURIComponent(step);
  } catch {
    // Not an encoding: such a reference leads nowhere.
  }
  return decoded.replaceAll("~1", "/").replaceAll("~0", "~");
}
