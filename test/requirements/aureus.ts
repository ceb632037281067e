import type { Requirements } from "./types.ts";

/** What the Aureus dialects ask of a client, as far as it is built here. */
export const aureus = {} as const satisfies Requirements;
