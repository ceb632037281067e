import type { Requirements } from "./types.ts";

/** What the 4Runr gateway asks of a client, as far as it is built here. */
export const fourRunr = {} as const satisfies Requirements;
