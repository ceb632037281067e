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

/** An option that may come from the environment. An empty text counts as not given, here as there. */
export function optionOrEnv(explicit: string | undefined, name: string, env?: Env): string | undefined {
  return explicit !== undefined && explicit !== "" ? explicit : readEnv(name, env);
}
