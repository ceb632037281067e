import { fourRunrLocal } from "./four-runr-local.ts";
import type { Requirements } from "./types.ts";

/** What the 4Runr gateway asks of a client, as far as it is built here, and of its counterpart. */
export const fourRunr = { ...fourRunrLocal } as const satisfies Requirements;
