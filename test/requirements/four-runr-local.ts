import type { Requirements } from "./types.ts";

/** What `Local4Runr` promises. */
export const fourRunrLocal = {
  "fourRunr.local.recordings": {
    statement: "Asked the same at the same time, the counterpart gives the answers that were recorded.",
    source: "recordings of the gateway in mock and live mode",
  },
} as const satisfies Requirements;
