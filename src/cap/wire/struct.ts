/** google.protobuf.Struct, which the generated types show as a plain JSON object, as the message it is in bytes. */
import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import type { Struct, Value } from "@bufbuild/protobuf/wkt";
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
