/** What a call out of a handler inherits from the piece of work it belongs to. */
import type { HandlerContext } from "../handler/index.js";

/** The signal of the work, and what is left of its time where that is fixed. */
export interface Inherited {
  readonly signal: AbortSignal;
  readonly timeoutMs?: number;
}

/**
 * At least a millisecond: at the deadline itself the signal of the work fires, and says why. A deadline that moves
 * sets no limit: the signal fires when it no longer does.
 */
export function inherited(ctx: HandlerContext, timeoutMs: number | undefined, now: number): Inherited {
  const left = ctx.deadline === undefined || ctx.deadlineMoves ? Infinity : Math.max(1, ctx.deadline - now);
  const most = Math.min(timeoutMs ?? Infinity, left);
  return { signal: ctx.signal, ...(most < Infinity && { timeoutMs: most }) };
}
