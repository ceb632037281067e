/** Modules of the platform, looked up at run time: an import would keep the entry from loading in a browser. */

/** A module of Node's own, such as `node:http`, or undefined where the platform has none. */
export function builtinModule<Module>(name: string): Module | undefined {
  const host = globalThis.process as { getBuiltinModule?: (name: string) => unknown } | undefined;
  return host?.getBuiltinModule?.(name) as Module | undefined;
}
