/** Modules of the platform, looked up at run time: an import would keep the entry from loading in a browser. */
import { UnsupportedError } from "../../core/errors.js";

/**
 * A module of Node's own, for example `node:http`.
 * @throws UnsupportedError where the platform has none
 */
export function nodeModule<Module>(name: string): Module {
  const host = globalThis.process as { getBuiltinModule?: (name: string) => unknown } | undefined;
  const found = host?.getBuiltinModule?.(name);
  if (found === undefined)
    throw new UnsupportedError(`this platform has no ${name}; the counterpart runs on Node`);
  return found as Module;
}
