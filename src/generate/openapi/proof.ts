import { camelCase } from "../../core/keys.js";
import { printKey } from "../emit.js";
import type { Keys } from "./keys.js";
import { firstOf } from "./media.js";
import type { Models } from "./models.js";
import { wireOf } from "./models.js";
import type { OpenApi } from "./openapi.js";

/** One model, the type that `types.ts` has in its place, and the shape that leads from one to the other. */
interface Claim {
  readonly model: string;
  readonly wire: string;
  readonly shape: unknown;
}

/** What is claimed of the components, then of the queries and the bodies that stand inside operations. */
function claimsOf(api: OpenApi, keys: Keys, models: Models): Map<string, Claim> {
  const claims = new Map<string, Claim>();
  const add = (title: string, model: string | undefined, wire: string, shape: unknown) => {
    if (model !== undefined && models.names.has(model)) claims.set(title, { model, wire, shape });
  };
  const isComponent = new Set<string>();
  for (const name of Object.keys(api.schemas)) {
    const model = models.style.ref(name);
    isComponent.add(model);
    add(model, model, wireOf.component(name), keys.components.get(name));
  }
  for (const operation of api.operations) {
    const { id, body, contents } = operation;
    const types = models.operations.get(id)!;
    const shapes = keys.shapes.get(id);
    // `types.ts` has the text that JSON is sent as.
    const isSame = !operation.parameters.some((item) => item.in === "query" && item.isJson);
    if (isSame) add(`${id} query`, types.query, wireOf.query(operation), shapes?.query);
    if (body?.kind === "json" || body?.kind === "form") {
      add(`${id} request`, types.body, wireOf.body(id, body), shapes?.request);
    }
    for (const [status, list] of Object.entries(contents)) {
      const json = firstOf(list, ["json"]);
      const model = types.responses[status]?.find(({ kind }) => kind === "json")?.type;
      if (json !== undefined)
        add(`${id} ${status}`, model, wireOf.response(id, status, json), shapes?.responses?.[status]);
    }
  }
  // A body that is a component is proved with it, unless it converts in another way.
  const shapeOf = new Map([...claims].map(([title, { shape }]) => [title, JSON.stringify(shape)]));
  for (const [title, { model, shape }] of claims) {
    if (title !== model && isComponent.has(model) && shapeOf.get(model) === JSON.stringify(shape))
      claims.delete(title);
  }
  return claims;
}

/** `proof.ts`: holds the models to `types.ts` by the key map. Types only, for the compiler alone. */
export function emitProof(api: OpenApi, keys: Keys, models: Models): string {
  const claims = claimsOf(api, keys, models);
  const wireKeys = new Set(Object.values(keys.map).flatMap((row) => Object.keys(row as object)));
  const names = [...wireKeys].filter((key) => camelCase(key) !== key).sort();
  const rows = [...claims].map(
    ([title, { model, wire, shape }]) =>
      `  ${printKey(title)}: Check<Agrees<models.${model}, ${wire}, ${JSON.stringify(shape ?? null)}>>;\n`,
  );
  const imports = ["components", "operations"].filter((name) =>
    rows.some((row) => row.includes(`${name}["`)),
  );
  if (rows.length === 0) return `export {};\n`;
  return `import type { keyMap } from "./keys.js";
import type * as models from "./models.js";
import type { ${imports.join(", ")} } from "./types.js";

type Keys = typeof keyMap;

/** Keys of the protocol that differ from those of TypeScript. */
interface Names {
${names.map((name) => `  ${printKey(name)}: ${JSON.stringify(camelCase(name))};\n`).join("")}}

/** A type of the protocol with the keys of TypeScript. */
type Renamed<Wire, Shape> = Wire extends readonly unknown[]
  ? { [Index in keyof Wire]: Renamed<Wire[Index], Shape extends { readonly list: infer Of } ? Of : null> }
  : Shape extends { readonly map: infer Of }
    ? { [Key in keyof Wire]: Renamed<Wire[Key], Of> }
    : Shape extends keyof Keys
      ? {
          [Key in keyof Wire as Key extends keyof Keys[Shape] & keyof Names ? Names[Key] : Key]: Renamed<
            Wire[Key],
            Key extends keyof Keys[Shape] ? Keys[Shape][Key] : null
          >;
        }
      : Wire;

/** The keys of a type at every depth, optional ones included, and what is there. Any text stands for any other. */
type Outline<Type> = Type extends string
  ? string
  : Type extends readonly (infer Item)[]
    ? Outline<Item>[]
    : Type extends object
      ? { keys: keyof Type & string; members: { [Key in keyof Type]: Outline<Type[Key]> } }
      : Type;

type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : false) : false;

/** True if the model takes every value of the document and has the same members: its enums may be open. */
type Agrees<Model, Wire, Shape> = [Renamed<Wire, Shape>] extends [Model]
  ? Same<Outline<Model>, Outline<Renamed<Wire, Shape>>>
  : false;

type Check<Claim extends true> = Claim;

/** Does not compile unless every model agrees with the document. */
export interface Proof {
${rows.join("")}}
`;
}
