import { errorText } from "./errors.js";
import type { LogFields, Logger } from "./log-types.js";

/** Does work whose failure only a log line reports: false after one. Never rejects. */
export async function warned(
  log: Logger,
  text: string,
  work: () => unknown,
  fields?: LogFields,
): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (error) {
    log.warn(text, { ...fields, reason: errorText(error) });
    return false;
  }
}
