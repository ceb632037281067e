/** How often a property is tried: `full` times, or the share of it that `pnpm mutation` has time for with each mutant. */
export const runs = (full: number): number =>
  Math.ceil(full / Number(process.env.AGENTWIRE_RUNS_DIVISOR ?? 1));
