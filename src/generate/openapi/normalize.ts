import type { OpenApiSpec } from "../config.js";
import { setMember, type YamlPath } from "../editable.js";
import { isIdentifier, pascalCase } from "../emit.js";
import { cutCycles, SAME_VALUE } from "./cycles.js";
import { asRecord, METHODS, refPath, valueAt } from "./openapi.js";
import { walkDocument } from "./walk.js";

type Members = Record<string, unknown>;

/** What of a config changes a document before anything is generated. */
export type DocumentChanges = Pick<OpenApiSpec, "include" | "rename">;

/** Reports something at a place of the document. */
export type Report = (path: YamlPath, message: string, severity?: "warning") => void;

/** `GET /pets/{id}/toys` → `getPetsByIdToys`. */
function idFromPath(method: string, url: string): string {
  const words = url.replace(/\{([^}]*)\}/g, " by $1").split(/[^\p{L}\p{N}]+/u);
  return method + words.map(pascalCase).join("");
}

/** An operation id as the name of a method: `pets/list-all` → `petsListAll`. */
function idFrom(operationId: unknown, method: string, url: string): string {
  if (typeof operationId !== "string") return idFromPath(method, url);
  if (isIdentifier(operationId)) return operationId;
  const name = pascalCase(operationId);
  const camel = name.charAt(0).toLowerCase() + name.slice(1);
  return [camel, `_${camel}`].find((id) => /\p{L}/u.test(id) && isIdentifier(id)) ?? idFromPath(method, url);
}

/** Path items that are references become what they refer to. */
function inlinePathItems(data: Members): void {
  const paths = asRecord(data.paths) as Members;
  for (const [url, item] of Object.entries(paths)) {
    const { $ref, ...own } = asRecord(item);
    if (typeof $ref !== "string" || !$ref.startsWith("#/")) continue;
    setMember(paths, url, { ...asRecord(valueAt(data, refPath($ref))), ...own });
  }
}

/** Gives every operation an id that is an identifier, and takes out those that are not included. */
function nameOperations(data: Members, { include, rename }: DocumentChanges, report: Report): void {
  const renames = new Map(Object.entries(rename?.operations ?? {}));
  const wanted = new Set(include?.operations);
  const tags = new Set(include?.tags);
  const [unusedNames, unusedTags, unusedIds] = [new Set(renames.keys()), new Set(tags), new Set(wanted)];
  const places = new Map<string, { place: string; method: string; url: string }>();
  for (const [url, item] of Object.entries(asRecord(data.paths))) {
    for (const method of METHODS) {
      const operation = asRecord(asRecord(item)[method]) as Members;
      if (asRecord(item)[method] === undefined) continue;
      const { operationId } = operation;
      const place = `${method.toUpperCase()} ${url}`;
      const names = [operationId, place].filter((name) => typeof name === "string");
      const path = ["paths", url, method, ...(operationId === undefined ? [] : ["operationId"])];
      for (const name of names) unusedNames.delete(name);
      for (const name of names) unusedIds.delete(name);
      const own = [operation.tags].flat();
      for (const tag of own) unusedTags.delete(String(tag));
      if (
        include !== undefined &&
        !names.some((name) => wanted.has(name)) &&
        !own.some((tag) => tags.has(String(tag)))
      ) {
        delete (item as Members)[method];
        continue;
      }
      const renamed = names.map((name) => renames.get(name)).find((name) => name !== undefined);
      const id = renamed ?? idFrom(operationId, method, url);
      if (!isIdentifier(id)) report(path, `${id} in rename.operations is not an identifier`);
      const other = places.get(id);
      if (other !== undefined) {
        const what =
          operationId === id
            ? `operationId ${id} is used twice`
            : `${place} becomes ${id}, as does ${other.place}`;
        report(path, `${what}: rename one with rename.operations in the config`);
        report(["paths", other.url, other.method], `${other.place} has the same name ${id}`);
      }
      places.set(id, { place, method, url });
      operation.operationId = id;
    }
  }
  for (const name of unusedNames)
    report(["paths"], `rename.operations of the config names ${name}: there is no such operation`);
  for (const name of unusedIds)
    report(["paths"], `include.operations of the config names ${name}: there is no such operation`);
  for (const name of unusedTags)
    report(["paths"], `include.tags of the config names ${name}: no operation has this tag`);
}

/** What callers do not call needs no id, which could be that of another operation. */
function dropFurtherIds(data: Members): void {
  const drop = (value: unknown, isCalled: boolean): void => {
    for (const item of Object.values(asRecord(value))) {
      for (const method of METHODS) {
        const operation = asRecord(asRecord(item)[method]) as Members;
        if (!isCalled) delete operation.operationId;
        for (const callback of Object.values(asRecord(operation.callbacks))) drop(callback, false);
      }
    }
  };
  const { pathItems, callbacks } = asRecord(data.components);
  drop(data.paths, true);
  drop(data.webhooks, false);
  drop(pathItems, false);
  for (const callback of Object.values(asRecord(callbacks))) drop(callback, false);
}

/** Whether a reference at this place is one to a schema. */
function isSchemaRef(path: YamlPath, ref: string): boolean {
  if (/^#\/components\/(?!schemas\/)\w+\/[^/]+$/.test(ref)) return false;
  const [parent, key] = path.slice(-2);
  if (path[0] === "components" && path.length === 3) return parent === "schemas" || path[1] === "schemas";
  if (key === "requestBody" || (typeof key === "number" && parent === "parameters")) return false;
  return !(["responses", "headers", "callbacks", "links", "paths"] as unknown[]).includes(parent);
}

/** The value under a pointer, references on the way followed. */
function follow(data: unknown, steps: readonly string[], depth = 0): { value: unknown; path: YamlPath } {
  let path: YamlPath = [];
  for (const step of steps) {
    const { $ref } = asRecord(valueAt(data, path));
    if (typeof $ref === "string" && $ref.startsWith("#/") && depth < 20) {
      ({ path } = follow(data, refPath($ref), depth + 1));
    }
    path = [...path, step];
  }
  return { value: valueAt(data, path), path };
}

/** The name of a schema that is written elsewhere than among the components. */
function nameOf(steps: readonly string[], schemas: Members): string {
  const words = steps.filter(
    (step) =>
      !/^(?:components|schemas|paths|properties|content|application\/json|schema|responses)$/.test(step),
  );
  let name =
    words
      .map(pascalCase)
      .join("")
      .replace(/^(?=\d)/, "_") || "Schema";
  while (Object.hasOwn(schemas, name)) name += "Schema";
  return name;
}

const SCHEMA_MAPS = ["properties", "patternProperties", "$defs", "dependentSchemas"];
const SCHEMA_LISTS = ["allOf", "anyOf", "oneOf", "prefixItems"];
const SCHEMA_MEMBERS = ["items", "not", "contains", "propertyNames"];

function isSchema(value: unknown): boolean {
  return typeof value === "boolean" || (typeof value === "object" && value !== null && !Array.isArray(value));
}

/** What stands for a schema and is neither an object nor a boolean takes any value. */
function settleSchemas(data: Members, report: Report): void {
  walkDocument(data, (value, path) => {
    const settle = (parent: object, key: string, at: YamlPath) => {
      const member: unknown = (parent as Members)[key];
      if (isSchema(member)) return;
      report(at, "expected a schema: any value is taken", "warning");
      setMember(parent, key, {});
    };
    const maps = path.length === 1 && path[0] === "components" ? ["schemas"] : SCHEMA_MAPS;
    for (const key of [...maps, ...SCHEMA_LISTS]) {
      const members = value[key];
      if (typeof members !== "object" || members === null) continue;
      for (const name of Object.keys(members)) settle(members, name, [...path, key, name]);
    }
    for (const key of SCHEMA_MEMBERS) if (value[key] !== undefined) settle(value, key, [...path, key]);
  });
}

/** Makes every reference to a schema one to a component, and reports those that lead nowhere. */
function settleReferences(data: Members, report: Report): void {
  const components = asRecord(data.components) as Members;
  const schemas = asRecord(components.schemas) as Members;
  const moved = new Map<unknown, string>();
  const visit = (value: Members, path: YamlPath): void => {
    const { $ref: ref } = value;
    if (typeof ref !== "string") return;
    const at = [...path, "$ref"];
    if (!ref.startsWith("#/")) {
      const message = `${ref} is outside of the document: bundle it into one (npx @redocly/cli bundle)`;
      return report(at, message);
    }
    const steps = refPath(ref);
    const { value: target, path: place } = follow(data, steps);
    if (target === undefined) return report(at, `${ref} does not exist`);
    if (!isSchemaRef(path, ref)) return;
    if (!isSchema(target)) {
      delete value.$ref;
      return report(path, `${ref} is not a schema: any value is taken`, "warning");
    }
    if (place[0] === "components" && place[1] === "schemas" && place.length === 3) {
      if (place.join("/") !== steps.join("/")) value.$ref = `#/${place.map(pointerStep).join("/")}`;
      return;
    }
    let name = moved.get(target);
    if (name === undefined) {
      name = nameOf(steps, schemas);
      moved.set(target, name);
      setMember(schemas, name, target);
      const parent = valueAt(data, place.slice(0, -1));
      setMember(parent as object, String(place.at(-1)), { $ref: `#/components/schemas/${name}` });
      walkDocument(target, visit, ["components", "schemas", name]);
    }
    value.$ref = `#/components/schemas/${name}`;
  };
  walkDocument(data, visit);
  if (moved.size > 0) {
    data.components = components;
    components.schemas = schemas;
  }
}

function pointerStep(step: string | number): string {
  return encodeURIComponent(String(step).replaceAll("~", "~0").replaceAll("/", "~1"));
}

/** Bare names in `discriminator.mapping` become references; what leads nowhere goes. */
function settleDiscriminators(data: Members, report: Report): void {
  const schemas = asRecord(asRecord(data.components).schemas);
  walkDocument(data, (value, path) => {
    const mapping = asRecord(asRecord(value.discriminator).mapping) as Members;
    for (const [key, target] of Object.entries(mapping)) {
      const text = String(target);
      if (Object.hasOwn(schemas, text)) mapping[key] = `#/components/schemas/${pointerStep(text)}`;
      else if (!text.startsWith("#/") || follow(data, refPath(text)).value === undefined) {
        delete mapping[key];
        report(
          [...path, "discriminator", "mapping", key],
          `${text} does not exist: the mapping is ignored`,
          "warning",
        );
      }
    }
  });
}

/** Takes out examples and foreign extensions with references: nothing is generated from them, and often the files are missing. */
function dropDataReferences(data: Members): void {
  walkDocument(data, (value) => {
    for (const [key, member] of Object.entries(value)) {
      const isData = /^(?:examples?|x-(?!event-data$|tool-actions$).*)$/.test(key);
      if (isData && /"(?:\$ref|externalValue)":/.test(JSON.stringify(member) ?? "")) delete value[key];
    }
  });
}

/** Takes out the component schemas that no operation uses any more. */
function dropUnused(data: Members): void {
  const schemas = asRecord(asRecord(data.components).schemas) as Members;
  const used = new Set<string>();
  const visit = (root: unknown): void => {
    walkDocument(root, ({ $ref }) => {
      if (typeof $ref !== "string" || used.has($ref)) return;
      used.add($ref);
      visit(valueAt(data, refPath($ref)));
    });
  };
  visit({ paths: data.paths, webhooks: data.webhooks });
  for (const name of Object.keys(schemas)) {
    if (!used.has(`#/components/schemas/${name}`) && !used.has(`#/components/schemas/${pointerStep(name)}`))
      delete schemas[name];
  }
}

/**
 * Brings a document of OpenAPI 3.1 into the form that everything after it relies on, in place: each operation has an
 * id that is an identifier, each reference to a schema is one to a component.
 */
export function normalizeDocument(document: unknown, changes: DocumentChanges, report: Report): void {
  const data = asRecord(document) as Members;
  dropDataReferences(data);
  inlinePathItems(data);
  nameOperations(data, changes, report);
  dropFurtherIds(data);
  settleSchemas(data, report);
  settleReferences(data, report);
  settleDiscriminators(data, report);
  for (const path of cutCycles(data, SAME_VALUE))
    report(path, "the schema refers to itself and to nothing else: any value is taken here", "warning");
  if (changes.include !== undefined) dropUnused(data);
  const schemas = asRecord(asRecord(data.components).schemas);
  for (const name of Object.keys(changes.rename?.schemas ?? {})) {
    if (!Object.hasOwn(schemas, name))
      report(
        ["components", "schemas"],
        `rename.schemas of the config names ${name}: there is no such schema`,
      );
  }
}
