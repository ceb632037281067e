import { JSONPathEnvironment, type JSONPathNode, type JSONValue } from "json-p3";
import { type Problem, setMember, type YamlPath } from "./editable.js";

type Members = Record<string, unknown>;

// The library stops at 50 levels by default; schemas of real documents are written deeper.
const jsonPath = new JSONPathEnvironment({ maxRecursionDepth: 1000 });

const members: Readonly<Record<string, readonly string[]>> = {
  overlay: ["overlay", "info", "extends", "actions"],
  action: ["target", "description", "update", "remove"],
};

function isMembers(value: unknown): value is Members {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function unknownMembers(value: Members, kind: "overlay" | "action", path: YamlPath): Problem[] {
  const known = members[kind]!;
  return Object.keys(value)
    .filter((key) => !known.includes(key) && !key.startsWith("x-"))
    .map((key) => ({ path: [...path, key], message: `unknown member ${key}; known: ${known.join(", ")}` }));
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

function applyAction(document: unknown, action: unknown, path: YamlPath): Problem[] {
  if (!isMembers(action)) return [{ path, message: "an action must be an object" }];
  const fail = (key: string, message: string): Problem[] => [{ path: [...path, key], message }];
  const unknown = unknownMembers(action, "action", path);
  if (unknown.length > 0) return unknown;
  const { target, remove: removes = false } = action;
  if (typeof target !== "string") return fail("target", "target must be a JSONPath expression");
  if (typeof removes !== "boolean") return fail("remove", "remove must be true or false");
  if (!removes && action.update === undefined) return [{ path, message: "expected update or remove: true" }];
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
  const problem = removes ? remove(document, found) : update(found, action.update, target);
  return problem === undefined ? [] : fail(removes ? "target" : "update", problem);
}

/**
 * Applies an OpenAPI Overlay 1.0 to a document, in place and in the order of its actions.
 *
 * @returns what is wrong with the overlay, by places in it: an invalid form, a target that is not JSONPath (RFC
 * 9535), matches nothing or cannot be updated. The other actions are applied.
 */
export function applyOverlay(document: unknown, overlay: unknown): Problem[] {
  if (!isMembers(overlay) || !/^1\.0\.\d+$/.test(String(overlay.overlay))) {
    return [{ path: ["overlay"], message: "expected an OpenAPI Overlay (overlay: 1.0.0)" }];
  }
  const problems = unknownMembers(overlay, "overlay", []);
  const { actions } = overlay;
  if (!Array.isArray(actions) || actions.length === 0) {
    return [...problems, { path: ["actions"], message: "expected a list of at least one action" }];
  }
  return [
    ...problems,
    ...actions.flatMap((action, index) => applyAction(document, action, ["actions", index])),
  ];
}
