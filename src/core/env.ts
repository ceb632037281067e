/** Environment variables, on platforms that have them. */

/** Variables by name. */
export type Env = Readonly<Record<string, string | undefined>>;

interface Platform {
  readonly process?: { readonly env?: Env };
}

/** Reads one variable as it stands there; undefined where there is none, or the platform does not let us look. */
export function rawEnv(name: string, env?: Env): string | undefined {
  try {
    return (env ?? (globalThis as Platform).process?.env)?.[name];
  } catch {
    return undefined;
  }
}

/** Reads one variable, without the white space around it; undefined where there is none, or it is empty. */
export function readEnv(name: string, env?: Env): string | undefined {
  return rawEnv(name, env)?.trim() || undefined;
}

/**
 * An option that may come from the environment: `explicit` when it is given, else the first of the variables
 * `names` that is set. An empty text counts as not given in both.
 */
export function optionOrEnv(
  explicit: string | undefined,
  names: string | readonly string[],
  env?: Env,
): string | undefined {
  if (explicit !== undefined && explicit !== "") return explicit;
  for (const name of typeof names === "string" ? [names] : names) {
    const value = readEnv(name, env);
    if (value !== undefined) return value;
  }
  return undefined;
}
