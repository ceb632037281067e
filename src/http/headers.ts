/** Headers as the pipeline holds them: names in lower case, values that can be sent. */
import { ValidationError } from "../core/errors.js";
import { isObject } from "../core/json.js";

/** Those that frame the message or belong to the connection: the transport alone knows them. */
const TRANSPORT_OWN = new Set(
  "host connection content-length transfer-encoding keep-alive proxy-connection upgrade te trailer expect".split(
    " ",
  ),
);

/**
 * Leaves out headers that only the transport can set, such as `content-length`, as `fetch` does.
 *
 * @throws ValidationError `INVALID_HEADER` naming the header; its value is not shown, it may be a credential
 */
export function lowerCase(headers: Readonly<Record<string, string>>): Record<string, string> {
  const result: Record<string, string> = {};
  if (!isObject(headers) || Symbol.iterator in headers) {
    throw new ValidationError("headers must be a plain object of names and values", {
      code: "INVALID_HEADER",
    });
  }
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined) continue;
    if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name)) {
      throw new ValidationError(`${JSON.stringify(name)} is not a valid header name`, {
        code: "INVALID_HEADER",
      });
    }
    if (typeof value !== "string" || /[^\t\x20-\x7e\x80-\xff]/.test(value)) {
      throw new ValidationError(`the header ${name} must be one line of Latin-1 text`, {
        code: "INVALID_HEADER",
      });
    }
    const key = name.toLowerCase();
    if (!TRANSPORT_OWN.has(key)) result[key] = value;
  }
  return result;
}
