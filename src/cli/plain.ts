/** Texts of errors for people. */
import { errorText } from "../core/errors.js";

/** The text of an error without its code. */
export function plain(error: unknown): string {
  return errorText(error).replace(/^\[\w+\] /, "");
}
