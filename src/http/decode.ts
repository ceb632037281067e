/** Successful responses: from what came to the data that a call returns. */
import { fromWire, type KeyMap, type Shape } from "../core/keys.js";
import type { Answer } from "./answer.js";
import { unexpectedResponse } from "./error-table.js";
import type { HttpOperation } from "./operation.js";

/**
 * The data of a 2xx response. That it has the type the spec gives it is the spec's promise; only its outermost form
 * is checked.
 *
 * @throws ProtocolError `UNEXPECTED_RESPONSE`, with status, headers and body, for content of another kind
 */
export function decodeAnswer<T>(answer: Answer, operation: HttpOperation, keyMap: KeyMap | undefined): T {
  return content(answer, operation, keyMap) as T;
}

function content(answer: Answer, operation: HttpOperation, keyMap: KeyMap | undefined): unknown {
  const { result = "json", expects, needs = [], id } = operation;
  if (result === "none") return undefined;
  if (result === "text") return answer.text;
  if (result === "bytes") return answer.bytes;
  const { body } = answer;
  // JSON text is not a JSON string: only a body that was parsed differs from its text.
  if (body === undefined || (body === answer.text && expects !== "string"))
    throw unexpectedResponse(answer, "JSON", id);
  // Plain text such as `123` is JSON by accident.
  if (expects === "string" && typeof body !== "string") return answer.text;
  if (expects === "object" && (typeof body !== "object" || body === null || Array.isArray(body)))
    throw unexpectedResponse(answer, "a JSON object", id);
  if (expects === "array" && !Array.isArray(body)) throw unexpectedResponse(answer, "a JSON array", id);
  const shape = shapeFor(operation.shapes?.responses, answer.status);
  const data = keyMap === undefined ? body : fromWire(body, shape, keyMap);
  const missing = needs.find((name) => ((data ?? {}) as Readonly<Record<string, unknown>>)[name] == null);
  if (missing !== undefined) throw unexpectedResponse(answer, `an object with ${missing}`, id);
  return data;
}

/** The shape for a status: its own, that of 2XX, that of another 2xx (servers confuse 200 and 201), the default. */
function shapeFor(shapes: Readonly<Record<string, Shape>> | undefined, status: number): Shape | undefined {
  if (shapes === undefined) return undefined;
  const other = Object.keys(shapes).find((key) => key.startsWith("2"));
  return shapes[status] ?? shapes["2XX"] ?? (other === undefined ? shapes.default : shapes[other]);
}
