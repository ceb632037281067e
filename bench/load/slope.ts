/** How steeply a value rises with the work done, and how sure that is. */
export interface Slope {
  /** Per piece of work. */
  readonly perPiece: number;
  /** The standard error of `perPiece`. */
  readonly error: number;
}

/** The line of least squares through the second half of the points; the first half warms up. */
export function slopeOf(points: readonly (readonly [done: number, value: number])[]): Slope {
  const half = points.slice(points.length >> 1);
  const mean = (axis: 0 | 1) => half.reduce((sum, point) => sum + point[axis], 0) / half.length;
  const [x, y] = [mean(0), mean(1)];
  const spread = half.reduce((sum, [done]) => sum + (done - x) ** 2, 0);
  const perPiece = half.reduce((sum, [done, value]) => sum + (done - x) * (value - y), 0) / spread;
  const rest = half.reduce((sum, [done, value]) => sum + (value - y - perPiece * (done - x)) ** 2, 0);
  return { perPiece, error: Math.sqrt(rest / (half.length - 2) / spread) };
}

/** Whether a run's slope is within what a run a tenth as long cannot tell from none: two standard errors. */
export function isWithinNoise(long: Slope, short: Slope): boolean {
  return long.perPiece <= 2 * short.error;
}
