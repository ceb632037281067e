import { JSONPathEnvironment, type JSONPathNode, type JSONValue } from "json-p3";
import { type Problem, setMember, type YamlPath } from "./editable.js";
import { compileForm } from "./forms.js";

type Members = Record<string, unknown>;

// The library stops at 50 levels by default; schemas of real documents are written deeper.
const jsonPath = new JSONPathEnvironment({ maxRecursionDepth: 1000 });

function isMembers(value: unknown): value is Members {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Merges `update` into an object of the document: objects member by member, lists by appending. */
function merge(target: Members, update: Members): void {
  for (const [key, value] of Object.entries(update)) {
    const known = Object.hasOwn(target, key) ? target[key] : undefined;
    if (isMembers(known) && isMembers(value)) merge(known, value);
    else if (Array.isArray(known) && Array.isArray(value)) known.push(...structuredClone(value));
    else setMember(target, key, structuredClone(value));
  }
}

function update(nodes: readonly JSONPathNode[], value: unknown, target: string): string | undefined {
  for (const { value: found, location } of nodes) {
    if (Array.isArray(found)) {
      found.push(structuredClone(value) as JSONValue);
    } else if (!isMembers(found)) {
      return `${target} selects a ${found === null ? "null" : typeof found} (at ${location.join("/")}): select the object that contains it`;
    } else if (!isMembers(value)) {
      return `${target} selects an object (at ${location.join("/")}): update must be an object`;
    } else {
      merge(found, value);
    }
  }
  return undefined;
}

/** Removes what was found, the places of all of it resolved before the first one goes. */
function remove(document: unknown, nodes: readonly JSONPathNode[]): string | undefined {
  const doomed = new Map<object, Set<string>>();
  for (const { location } of nodes) {
    const key = location.at(-1);
    if (key === undefined) return "the whole document cannot be removed";
    const parent = location.slice(0, -1).reduce<unknown>((value, step) => (value as Members)[step], document);
    const keys = doomed.get(parent as object) ?? new Set();
    doomed.set(parent as object, keys.add(String(key)));
  }
  for (const [parent, keys] of doomed) {
    const order = [...keys].sort((a, b) => Number(b) - Number(a));
    if (Array.isArray(parent)) for (const index of order) parent.splice(Number(index), 1);
    else for (const key of keys) delete (parent as Members)[key];
  }
  return undefined;
}

/** An action of an overlay. */
interface Action {
  readonly target: string;
  readonly update?: unknown;
  readonly remove?: boolean;
}

function applyAction(
  document: unknown,
  { target, update: value, remove: removes }: Action,
  path: YamlPath,
): Problem[] {
  const fail = (key: string, message: string): Problem[] => [{ path: [...path, key], message }];
  if (!removes && value === undefined) return [{ path, message: "expected update or remove: true" }];
  let nodes: JSONPathNode[];
  try {
    nodes = jsonPath.query(target, document as JSONValue).nodes;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return fail("target", `${target} is not a JSONPath expression of RFC 9535: ${reason}`);
  }
  if (nodes.length === 0) return fail("target", `${target} matches nothing in the document`);
  // A query may find one place in several ways.
  const found = [...new Map(nodes.map((node) => [JSON.stringify(node.location), node])).values()];
  const problem = removes ? remove(document, found) : update(found, value, target);
  return problem === undefined ? [] : fail(removes ? "target" : "update", problem);
}

/**
 * Applies an OpenAPI Overlay 1.0 to a document, in place and in the order of its actions.
 *
 * @returns what is wrong with the overlay, by places in it: an invalid form, a target that is not JSONPath (RFC
 * 9535), matches nothing or cannot be updated. Nothing is applied of an overlay of the wrong form.
 */
export function applyOverlay(document: unknown, overlay: unknown): readonly Problem[] {
  const problems = compileForm("overlay")(overlay);
  // What is not an overlay is said once.
  const [other] = problems.filter(({ path }) => path[0] === undefined || path[0] === "overlay");
  if (problems.length > 0) return other === undefined ? problems : [other];
  const { actions } = overlay as { readonly actions: readonly Action[] };
  return actions.flatMap((action, index) => applyAction(document, action, ["actions", index]));
}
