/** Modules of the platform, resolved at run time: an import would keep the entry from loading in a browser. */
import { UnsupportedError } from "./errors.js";

/** A module of Node's own, such as `node:http`, or undefined where the platform has none. */
export function builtinModule<Module>(name: string): Module | undefined {
  const host = globalThis.process as { getBuiltinModule?: (name: string) => unknown } | undefined;
  return host?.getBuiltinModule?.(name) as Module | undefined;
}

/**
 * The same, for what cannot do without.
 *
 * @param what what needs it, for the message: "listening", "the local gateway"
 * @throws UnsupportedError where the platform has none
 */
export function requireBuiltin<Module>(name: string, what: string): Module {
  const found = builtinModule<Module>(name);
  if (found === undefined)
    throw new UnsupportedError(`${what} requires ${name}, which this platform does not have`);
  return found;
}
