/** Packages that only those install who need them. */
import { UnsupportedError } from "./errors.js";

const MISSING = new Set<unknown>(["ERR_MODULE_NOT_FOUND", "MODULE_NOT_FOUND"]);

/**
 * Loads an optional package.
 *
 * @throws UnsupportedError `MISSING_PACKAGE` with the command that installs it; what the package itself throws.
 */
export async function loadPeer<T>(name: string, what: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (error) {
    const { code } = (error ?? {}) as { readonly code?: unknown };
    if (!MISSING.has(code)) throw error;
    throw new UnsupportedError(`${what} requires a package that is not installed: npm install ${name}`, {
      code: "MISSING_PACKAGE",
      details: { package: name },
    });
  }
}
