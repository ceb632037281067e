/** What can go wrong at a gateway beside what can go wrong with any request. */
import type { FaultKind, FaultTiming } from "../http/faults.js";
import type { PostOperation } from "./frame-check.js";

/** Where a fault can strike: a request, or a lease frame that is about to be written. */
export type BigBrainFaultPoint = PostOperation | "openEvents" | "lease";

/**
 * A fault of `LocalBigBrain`. At a `lease` the frame stands for the answer, and the stream for the connection; a
 * `status` strikes requests only.
 */
export type BigBrainFault = FaultTiming<BigBrainFaultPoint> & {
  /** Only this neuron. Default: all. */
  readonly neuronId?: string | undefined;
} & (
    | FaultKind
    /** The neuron's stream ends once this happened: cut off, or ended cleanly. Default: cut off. */
    | { readonly kind: "drop-stream"; readonly how?: "drop" | "end" | undefined }
    /** The frame is written twice. On `lease` only. */
    | { readonly kind: "duplicate" }
    /** The lease is cancelled so much later, in ms. On `lease` only. Default: 0. */
    | { readonly kind: "cancel"; readonly afterMs?: number | undefined; readonly reason?: string | undefined }
  );
