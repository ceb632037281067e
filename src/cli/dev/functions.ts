/** Functions of one's own that the counterparts of `agentwire dev` call. */
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { Validator } from "../../aureus/engine/index.js";
import { errorText, ValidationError } from "../../core/errors.js";
import type { LocalTool, Tools } from "../../testing/index.js";

/** What `--tools` and `--validators` bring. */
export interface DevFunctions {
  /** Tools of Aureus tasks. */
  readonly tools: Readonly<Record<string, LocalTool>>;
  /** Actions of 4Runr tools. */
  readonly actions: Tools;
  readonly validators: Readonly<Record<string, Validator>>;
}

/**
 * Loads the modules. Of `tools` an export that is a function is a tool of Aureus, one that is an object of functions
 * a tool of 4Runr; of `validators` every export is a validator. A default export counts as an object of exports.
 *
 * @throws ValidationError `INVALID_MODULE` for a file that cannot be loaded, or an export that is something else
 */
export async function loadFunctions(
  tools: string | undefined,
  validators: string | undefined,
): Promise<DevFunctions> {
  const [given, judges] = [await exportsOf(tools), await exportsOf(validators)];
  const wrong = (file: string | undefined, name: string, expected: string) =>
    new ValidationError(`${file}: the export ${name} must be ${expected}`, { code: "INVALID_MODULE" });
  const found = { tools: {}, actions: {}, validators: {} } as {
    tools: Record<string, LocalTool>;
    actions: Record<string, Tools[string]>;
    validators: Record<string, Validator>;
  };
  for (const [name, value] of Object.entries(given)) {
    if (isFunction(value)) found.tools[name] = value as LocalTool;
    else if (isObjectOfFunctions(value)) found.actions[name] = value as Tools[string];
    else throw wrong(tools, name, "a function, or an object of functions");
  }
  for (const [name, value] of Object.entries(judges)) {
    if (!isFunction(value)) throw wrong(validators, name, "a function");
    found.validators[name] = value as Validator;
  }
  return found;
}

async function exportsOf(file: string | undefined): Promise<Record<string, unknown>> {
  if (file === undefined) return {};
  try {
    const module = (await import(pathToFileURL(resolve(file)).href)) as Record<string, unknown>;
    const { default: main, ...named } = module;
    return { ...(typeof main === "object" ? main : {}), ...named };
  } catch (error) {
    throw new ValidationError(`${file} cannot be loaded as an ES module: ${errorText(error)}`, {
      code: "INVALID_MODULE",
      cause: error,
    });
  }
}

const isFunction = (value: unknown): boolean => typeof value === "function";
const isObjectOfFunctions = (value: unknown): boolean =>
  typeof value === "object" && value !== null && Object.values(value).every(isFunction);
