/** What can go wrong at a gateway. */
import type { HttpFault } from "../http/faults.js";
import type { ServedOperation } from "./router.js";

/** A fault of `Local4Runr`. */
export type FourRunrFault = HttpFault<ServedOperation> & {
  /** Only proxied calls of this tool. Default: any. */
  readonly tool?: string | undefined;
};
