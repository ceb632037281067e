import { camelCase } from "../../core/keys.js";
import { isIdentifier, printDoc } from "../emit.js";
import { asRecord, type OpenApi, refName, type Schema } from "./openapi.js";

/** How a schema is written as a type. */
export interface TypeStyle {
  /** The key of a member in TypeScript. */
  readonly key: (wireKey: string) => string;
  /** The type that stands for a component schema. */
  readonly ref: (name: string) => string;
  /** True when an enum of strings may hold values that are not known yet. */
  readonly openEnums: boolean;
  /** The type that stands for a component in data that keeps its own casing. Default: `unknown`. */
  readonly opaqueRef?: (name: string) => string;
  /** The type of binary data. Default: `string`, as it is written in JSON. */
  readonly binary?: string;
}

/** An object with the members of all parts of an `allOf`. */
interface Flat {
  readonly properties: Record<string, Schema>;
  readonly required: Set<string>;
  readonly open: boolean;
}

/** The style for data that keeps its own casing. `ref` says how a component is named. */
export function wireStyle(ref: TypeStyle["ref"]): TypeStyle {
  return { key: (wireKey) => wireKey, ref, openEnums: false };
}

/** The style of camelCase models. `ref` says how a component is named. */
export function modelStyle(openEnums: boolean, ref: TypeStyle["ref"]): TypeStyle {
  return { key: camelCase, ref, openEnums };
}

/** The object that a schema describes, `allOf` merged; undefined when it is not simply an object. */
export function flatten(api: OpenApi, schema: Schema): Flat | undefined {
  if (schema.oneOf !== undefined || schema.anyOf !== undefined || schema["x-opaque"] === true)
    return undefined;
  if (schema.$ref !== undefined) return flatten(api, api.schemas[refName(schema.$ref)] ?? {});
  if (schema.properties === undefined && schema.allOf === undefined) return undefined;
  const parts = (schema.allOf ?? []).map((part) => {
    // A part may only add to `required`.
    const empty = Object.keys(part).every((key) => key === "required" || key === "description");
    return empty ? { properties: {}, required: new Set(part.required), open: false } : flatten(api, part);
  });
  if (parts.includes(undefined)) return undefined;
  const own: Flat = {
    properties: { ...schema.properties },
    required: new Set(schema.required),
    open: schema.additionalProperties === true || typeof schema.additionalProperties === "object",
  };
  return [...(parts as Flat[]), own].reduce((a, b) => ({
    properties: { ...a.properties, ...b.properties },
    required: new Set([...a.required, ...b.required]),
    open: a.open || b.open,
  }));
}

/** Doc text of a member: its description, default and deprecation. */
export function docOf(schema: Schema): string {
  const parts = [typeof schema.description === "string" ? schema.description.trim() : ""];
  if (schema.default !== undefined) parts.push(`Default: ${JSON.stringify(schema.default)}.`);
  if (schema.deprecated === true) parts.push("@deprecated");
  return parts.filter((part) => part !== "").join("\n");
}

/** The members of an object type in braces. */
export function objectText(api: OpenApi, flat: Flat, style: TypeStyle, indent: number): string {
  const rows = Object.entries(flat.properties).map(([key, value]) => {
    const member = asRecord(value) as Schema;
    const name = style.key(key);
    const text = typeText(api, member, style, indent + 2);
    const optional = flat.required.has(key) ? "" : "?";
    const quoted = isIdentifier(name) ? name : JSON.stringify(name);
    return `${printDoc(docOf(member), indent + 2)}${" ".repeat(indent + 2)}${quoted}${optional}: ${text};\n`;
  });
  if (flat.open) rows.push(`${" ".repeat(indent + 2)}[member: string]: unknown;\n`);
  return rows.length === 0 ? "Record<string, never>" : `{\n${rows.join("")}${" ".repeat(indent)}}`;
}

function literals(values: readonly unknown[], open: boolean): string {
  const texts = values.map((value) => JSON.stringify(value));
  if (open && values.some((value) => typeof value === "string")) texts.push("(string & {})");
  return texts.join(" | ");
}

function union(texts: readonly string[]): string {
  return [...new Set(texts)].join(" | ");
}

/** True when `text` is a union or intersection outside of any bracket. */
function isCompound(text: string): boolean {
  let depth = 0;
  for (const char of text.replace(/"(?:[^"\\]|\\.)*"/g, "")) {
    if ("{([<".includes(char)) depth++;
    if ("})]>".includes(char)) depth--;
    if (depth === 0 && (char === "|" || char === "&")) return true;
  }
  return false;
}

function single(api: OpenApi, type: string, schema: Schema, style: TypeStyle, indent: number): string {
  switch (type) {
    case "string":
      return schema.format === "binary" ? (style.binary ?? "string") : "string";
    case "boolean":
    case "null":
      return type;
    case "integer":
    case "number":
      return "number";
    case "array": {
      const { items, prefixItems } = schema;
      const textOf = (item: unknown) => typeText(api, asRecord(item), style, indent);
      const item = items === undefined ? "unknown" : textOf(items);
      const list = isCompound(item) ? `(${item})[]` : `${item}[]`;
      if (prefixItems === undefined) return list;
      const rest = typeof items === "object" ? [`...${list}`] : [];
      return `[${[...prefixItems.map(textOf), ...rest].join(", ")}]`;
    }
    default: {
      const flat = flatten(api, schema);
      if (flat !== undefined) return objectText(api, flat, style, indent);
      if (schema.additionalProperties === false) return "Record<string, never>";
      const values = schema.additionalProperties;
      return `Record<string, ${typeof values === "object" ? typeText(api, values, style, indent) : "unknown"}>`;
    }
  }
}

/** A schema as a TypeScript type. What is `x-opaque` keeps the casing it has. */
export function typeText(api: OpenApi, schema: Schema, style: TypeStyle, indent = 0): string {
  if (schema["x-opaque"] === true) {
    return typeText(
      api,
      { ...schema, "x-opaque": undefined },
      wireStyle(style.opaqueRef ?? (() => "unknown")),
      indent,
    );
  }
  if (schema.$ref !== undefined) return style.ref(refName(schema.$ref));
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum !== undefined && schema.enum.length > 0) return literals(schema.enum, style.openEnums);
  const variants = [schema.oneOf, schema.anyOf].find((list) => list !== undefined && list.length > 0);
  if (variants !== undefined) {
    const text = union(variants.map((item) => typeText(api, asRecord(item), style, indent)));
    const { oneOf: _, anyOf: __, ...own } = schema;
    if (own.properties === undefined && own.allOf === undefined) return text;
    return `(${text}) & ${typeText(api, own, style, indent)}`;
  }
  const flat = schema.allOf === undefined ? undefined : flatten(api, schema);
  const orNull = [schema.type].flat().includes("null") ? " | null" : "";
  if (flat !== undefined) return objectText(api, flat, style, indent) + orNull;
  if (schema.allOf !== undefined) {
    return schema.allOf
      .map((item) => typeText(api, asRecord(item), style, indent))
      .map((text) => (isCompound(text) ? `(${text})` : text))
      .join(" & ");
  }
  const known =
    schema.properties !== undefined || schema.additionalProperties !== undefined ? ["object"] : [];
  const types = schema.type === undefined ? known : [schema.type].flat();
  if (types.length === 0) {
    return schema.contentMediaType === undefined ? "unknown" : (style.binary ?? "string");
  }
  return union(types.map((type) => single(api, type, schema, style, indent)));
}
