/** The JSON Schema to advertise for a schema of any kind. */
import { errorText } from "./errors.js";
import { isJsonSchema, type JsonSchema } from "./json-schema.js";
import { type Logger, warnOnce } from "./logger.js";
import { isStandardSchema, type StandardSchemaV1, standardJsonSchema } from "./standard-schema.js";
import type { Schema } from "./validate.js";

/** Options of {@link toJsonSchema}. */
export interface ToJsonSchemaOptions {
  /** Advertise this, whatever the schema is. */
  readonly jsonSchema?: JsonSchema | undefined;
  /** Describe what goes into the schema or what comes out of it. Default: `input`. */
  readonly side?: "input" | "output" | undefined;
  /** What the schema belongs to, for the warning. Default: "the schema". */
  readonly what?: string | undefined;
  /** Gets one warning per `what` when there is nothing to advertise. Default: the console. */
  readonly logger?: Logger | false | undefined;
}

/** The exporters that libraries put on their schemas, apart from the standard one. */
interface OwnExporters {
  /** zod, from 4.2. */
  toJSONSchema?(options: { io: "input" | "output" }): unknown;
  /** arktype. */
  toJsonSchema?(): unknown;
}

const target = "draft-2020-12";

/**
 * The JSON Schema of a schema: `options.jsonSchema`, else the schema itself when it is one, else what the
 * schema library's own exporter says, else undefined, with one warning.
 */
export function toJsonSchema(schema: Schema, options: ToJsonSchemaOptions = {}): JsonSchema | undefined {
  if (options.jsonSchema !== undefined) return options.jsonSchema;
  if (!isStandardSchema(schema)) return isJsonSchema(schema) ? schema : undefined;
  const { side = "input", what = "the schema" } = options;
  let reason = `${schema["~standard"].vendor} offers no JSON Schema exporter`;
  try {
    const exported = exportedBy(schema, side);
    if (isJsonSchema(exported)) return exported;
  } catch (error) {
    reason = errorText(error);
  }
  warnOnce(
    options.logger,
    `no-json-schema:${what}:${side}`,
    `${what} is not advertised as a JSON Schema; pass jsonSchema`,
    {
      reason,
    },
  );
  return undefined;
}

function exportedBy(schema: StandardSchemaV1, side: "input" | "output"): unknown {
  const standard = standardJsonSchema(schema, side, target);
  if (standard !== undefined) return standard;
  const own = schema as StandardSchemaV1 & OwnExporters;
  if (typeof own.toJSONSchema === "function") return own.toJSONSchema({ io: side });
  return typeof own.toJsonSchema === "function" ? own.toJsonSchema() : undefined;
}
