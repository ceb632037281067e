/** Functions of one's own that the counterparts of `agentwire dev` call. */
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { DecisionType } from "../../../gen/cap/index.js";
import type { Validator } from "../../aureus/engine/index.js";
import { errorText, ValidationError } from "../../core/errors.js";
import { isObject } from "../../core/json.js";
import type { Tools } from "../../testing/four-runr/tools.js";
import type { LocalSchedulerOptions, LocalTool } from "../../testing/index.js";

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

const DECISIONS = {
  allow: DecisionType.ALLOW,
  deny: DecisionType.DENY,
  require_human: DecisionType.REQUIRE_HUMAN,
  throttle: DecisionType.THROTTLE,
} as const;

/**
 * Loads the safety policy of the scheduler: the default export takes a check (`topic`, `tenant`, `labels`, …) and
 * returns `{ decision, reason }`, where `decision` is `allow`, `deny`, `require_human` or `throttle`. Any other
 * decision, and an exception, denies the job.
 *
 * @throws ValidationError `INVALID_MODULE`
 */
export async function loadPolicy(file: string | undefined): Promise<LocalSchedulerOptions["safety"]> {
  if (file === undefined) return undefined;
  const policy = (await load(file)).default;
  if (typeof policy !== "function") {
    const message = `${file}: the default export must be a function, such as ({ topic }) => ({ decision: "allow" })`;
    throw new ValidationError(message, { code: "INVALID_MODULE" });
  }
  return async (request) => {
    const answer: unknown = await policy(request);
    const { decision, reason } = isObject(answer) ? answer : {};
    const known = Object.entries(DECISIONS).find(([word]) => word === decision);
    if (known === undefined) {
      throw new ValidationError(
        `the policy returned ${String(decision)}: expected ${Object.keys(DECISIONS).join(", ")}`,
      );
    }
    return { decision: known[1], ...(typeof reason === "string" && { reason }) };
  };
}

async function exportsOf(file: string | undefined): Promise<Record<string, unknown>> {
  if (file === undefined) return {};
  const { default: main, ...named } = await load(file);
  return { ...(typeof main === "object" ? main : {}), ...named };
}

async function load(file: string): Promise<Record<string, unknown>> {
  try {
    return (await import(pathToFileURL(resolve(file)).href)) as Record<string, unknown>;
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
