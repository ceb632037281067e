/** Environment variables, on platforms that have them. */
import type { VariableName } from "./variables.js";

/** Variables by name. */
export type Env = Readonly<Record<string, string | undefined>>;

interface Platform {
  readonly process?: { readonly env?: Env };
}

/** Reads one variable, without the white space around it; undefined where there is none, it is empty, or the platform does not let us look. */
export function readEnv(name: VariableName | Lowercase<VariableName>, env?: Env): string | undefined {
  try {
    const value = (env ?? (globalThis as Platform).process?.env)?.[name]?.trim();
    return value === "" ? undefined : value;
  } catch {
    return undefined;
  }
}

/** An option that may come from the environment. An empty text counts as not given, here as there. */
export function optionOrEnv(explicit: string | undefined, name: VariableName, env?: Env): string | undefined {
  return explicit !== undefined && explicit !== "" ? explicit : readEnv(name, env);
}
