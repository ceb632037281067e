/**
 * Two types of google.protobuf: times, and Struct as the generated types show it (a plain JSON object), to and from
 * the message that goes on the wire. The JSON code of protobuf-es could do it too, at the price of 20 kB in every bundle.
 */
import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import type { Struct, Timestamp, Value } from "@bufbuild/protobuf/wkt";
import { ValidationError } from "../../core/errors.js";

/** The message of a JSON object. */
export function structFromJson(json: JsonObject): Struct {
  const fields: Record<string, Value> = Object.create(null); // no key of the user's is special
  for (const [key, value] of Object.entries(json)) fields[key] = valueFromJson(value);
  return { $typeName: "google.protobuf.Struct", fields };
}

function valueFromJson(json: JsonValue): Value {
  return { $typeName: "google.protobuf.Value", kind: kindOf(json) };
}

function kindOf(json: JsonValue): Value["kind"] {
  switch (typeof json) {
    case "string":
      return { case: "stringValue", value: json };
    case "number":
      return { case: "numberValue", value: json };
    case "boolean":
      return { case: "boolValue", value: json };
    case "object":
      if (json === null) return { case: "nullValue", value: 0 };
      if (!Array.isArray(json)) return { case: "structValue", value: structFromJson(json) };
      return {
        case: "listValue",
        value: { $typeName: "google.protobuf.ListValue", values: json.map(valueFromJson) },
      };
    default:
      throw new ValidationError(`must be JSON, holds a ${typeof json}`, { code: "INVALID_FIELD" });
  }
}

/** The JSON object of a message. */
export function structToJson(struct: Struct): JsonObject {
  const entries = Object.entries(struct.fields).map(([key, value]) => [key, valueToJson(value)] as const);
  return Object.fromEntries(entries); // sets `__proto__` like any other key
}

function valueToJson({ kind }: Value): JsonValue {
  switch (kind.case) {
    case "structValue":
      return structToJson(kind.value);
    case "listValue":
      return kind.value.values.map(valueToJson);
    case "nullValue":
    case undefined:
      return null;
    default:
      return kind.value;
  }
}

const FIRST_SECOND = -62_135_596_800n; // 0001-01-01
const LAST_SECOND = 253_402_300_799n; // 9999-12-31

/** A time in milliseconds since the epoch, with fractions; undefined for none, and for one outside the years 1 to 9999. */
export function timestampMs(time: Timestamp | undefined): number | undefined {
  if (time === undefined || time.seconds < FIRST_SECOND || time.seconds > LAST_SECOND) return undefined;
  if (time.nanos < 0 || time.nanos > 999_999_999) return undefined;
  return Number(time.seconds) * 1000 + time.nanos / 1e6;
}

/** The fields of a timestamp for a time in milliseconds since the epoch. */
export function timestampOf(ms: number): { readonly seconds: bigint; readonly nanos: number } {
  const seconds = Math.floor(ms / 1000);
  return { seconds: BigInt(seconds), nanos: Math.round((ms - seconds * 1000) * 1_000_000) };
}
