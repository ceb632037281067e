/** Headers as the pipeline holds them: names in lower case, values that can be sent. */
import { ValidationError } from "../core/errors.js";

/** @throws ValidationError `INVALID_HEADER` naming the header; its value is not shown, it may be a credential */
export function lowerCase(headers: Readonly<Record<string, string>>): Record<string, string> {
  const result: Record<string, string> = {};
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
    result[name.toLowerCase()] = value;
  }
  return result;
}
