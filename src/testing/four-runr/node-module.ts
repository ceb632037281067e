/** Modules of the platform that the counterpart cannot do without. */
import { builtinModule } from "../../core/builtin.js";
import { UnsupportedError } from "../../core/errors.js";

/**
 * A module of Node's own, for example `node:http`.
 * @throws UnsupportedError where the platform has none
 */
export function nodeModule<Module>(name: string): Module {
  const found = builtinModule<Module>(name);
  if (found === undefined)
    throw new UnsupportedError(`this platform has no ${name}; the counterpart runs on Node`);
  return found;
}
