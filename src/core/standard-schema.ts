/**
 * Standard Schema, version 1: the interface under which zod, valibot, arktype and others offer their schemas.
 * Declared here as its specification asks of those who consume it (standardschema.dev).
 */
import type { JsonSchema } from "./json-schema.js";

/** A schema of any library that implements Standard Schema. */
export interface StandardSchemaV1<Input = unknown, Output = Input> {
  /** All of the interface lies under this name. */
  readonly "~standard": StandardProps<Input, Output>;
}

/** The properties of a {@link StandardSchemaV1}. */
export interface StandardProps<Input = unknown, Output = Input> {
  /** The version of the interface. */
  readonly version: 1;
  /** The library. */
  readonly vendor: string;
  /** Checks, and where the schema says so transforms, a value. */
  readonly validate: (value: unknown) => StandardResult<Output> | Promise<StandardResult<Output>>;
  /** For the compiler only. */
  readonly types?: { readonly input: Input; readonly output: Output } | undefined;
  /** The library's own JSON Schema exporter (Standard JSON Schema), where it has one. */
  readonly jsonSchema?: StandardJsonSchemaConverter | undefined;
}

/** The converter of Standard JSON Schema. Either method may throw for what JSON Schema cannot say. */
export interface StandardJsonSchemaConverter {
  /** Describes what the schema accepts. */
  readonly input: (options: { readonly target: string }) => Record<string, unknown>;
  /** Describes what the schema gives. */
  readonly output: (options: { readonly target: string }) => Record<string, unknown>;
}

/** What `validate` gives: the value, or why not. */
export type StandardResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly StandardIssue[] };

/** One reason why a value was refused. */
export interface StandardIssue {
  /** What is wrong. */
  readonly message: string;
  /** Where, from the outside in. */
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** True for a schema of a library that implements Standard Schema. Such a schema may also be a function. */
export function isStandardSchema(value: unknown): value is StandardSchemaV1 {
  if ((typeof value !== "object" && typeof value !== "function") || value === null) return false;
  const props: unknown = (value as { "~standard"?: unknown })["~standard"];
  return (
    typeof props === "object" && props !== null && typeof (props as StandardProps).validate === "function"
  );
}

/** The path of an issue as a JSON Pointer (RFC 6901); empty for the value itself. */
export function issuePointer(path: StandardIssue["path"] = []): string {
  return path
    .map((step) => {
      const key = String(typeof step === "object" ? step.key : step);
      return `/${key.replaceAll("~", "~0").replaceAll("/", "~1")}`;
    })
    .join("");
}

/** Calls the converter of Standard JSON Schema, where the schema has one. Throws what the converter throws. */
export function standardJsonSchema(
  schema: StandardSchemaV1,
  side: "input" | "output",
  target: string,
): JsonSchema | undefined {
  return schema["~standard"].jsonSchema?.[side]({ target });
}
