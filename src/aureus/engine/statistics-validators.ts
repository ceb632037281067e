/** The validators that every engine has, part two: numbers that are out of bounds or out of line. */
import { fail, numberIn, pass, twoDecimals, type Validator } from "./validation.js";

/** Bounds of a number; each is optional, `mean` and `stddev` count only together. */
export interface StatisticalBounds {
  readonly min?: number;
  readonly max?: number;
  readonly mean?: number;
  readonly stddev?: number;
  /** How many standard deviations from the mean are fine. Default: 3. */
  readonly tolerance?: number;
}

/**
 * The number in `field` must lie within `min` and `max` and within `tolerance` standard deviations of the mean:
 * else OUT_OF_SCOPE. Beyond the deviations the confidence is `1 - (z - tolerance) / tolerance`, not below 0.
 * A field that is absent is MISSING_DATA, one that is not a number CONFLICT.
 */
export function statisticalBounds(field: string, bounds: StatisticalBounds): Validator {
  return ({ data }) => {
    const value = numberIn(data, field, { field, bounds });
    if (typeof value !== "number") return value;
    const { min, max, mean, stddev } = bounds;
    const tolerance = bounds.tolerance ?? 3;
    const facts = { field, value, bounds };
    const subject = `Field '${field}' value ${value}`;
    if (min !== undefined && value < min) {
      return fail("OUT_OF_SCOPE", `${subject} is below minimum ${min}`, { ...facts, violation: "min" });
    }
    if (max !== undefined && value > max) {
      return fail("OUT_OF_SCOPE", `${subject} exceeds maximum ${max}`, { ...facts, violation: "max" });
    }
    const within = `${subject} is within statistical bounds`;
    if (mean === undefined || stddev === undefined) return pass(within, 1, facts);
    if (stddev === 0) {
      return value === mean
        ? pass(within, 1, { ...facts, zScore: 0 })
        : fail("OUT_OF_SCOPE", `${subject} is not the constant ${mean}`, { ...facts, zScore: 0 });
    }
    const z = Math.abs((value - mean) / stddev);
    const lowerBound = mean - tolerance * stddev;
    const upperBound = mean + tolerance * stddev;
    const measured = { ...facts, zScore: twoDecimals(z), lowerBound, upperBound };
    if (value >= lowerBound && value <= upperBound) return pass(within, 1, measured);
    const confidence = twoDecimals(Math.max(0, 1 - (z - tolerance) / tolerance));
    return fail(
      "OUT_OF_SCOPE",
      `${subject} is ${z.toFixed(2)} deviations off the mean`,
      measured,
      confidence,
    );
  };
}

/**
 * The number in `field` must not be further from the mean of `history` than `threshold` sample standard
 * deviations: else OUT_OF_SCOPE. With fewer than two points everything passes with confidence 0.5; a constant
 * history allows only its own value. A field that is absent is MISSING_DATA, one that is not a number CONFLICT.
 */
export function anomalyDetection(field: string, history: readonly number[], threshold = 3): Validator {
  return ({ data }) => {
    const value = numberIn(data, field, { field });
    if (typeof value !== "number") return value;
    const subject = `Field '${field}' value ${value}`;
    const historicalDataSize = history.length;
    if (historicalDataSize < 2) {
      return pass("There is too little history to judge by", 0.5, { field, value, historicalDataSize });
    }
    const mean = history.reduce((sum, item) => sum + item, 0) / historicalDataSize;
    const variance = history.reduce((sum, item) => sum + (item - mean) ** 2, 0) / (historicalDataSize - 1);
    const stddev = Math.sqrt(variance);
    if (stddev === 0 || !Number.isFinite(stddev)) {
      const facts = { field, value, mean, stddev: 0, zScore: 0 };
      return value === mean
        ? pass(`${subject} is what it always was`, 1, facts)
        : fail("OUT_OF_SCOPE", `${subject} differs from a constant history of ${mean}`, facts);
    }
    const z = Math.abs((value - mean) / stddev);
    const facts = { field, value, mean, stddev, zScore: twoDecimals(z), threshold, historicalDataSize };
    if (z > threshold) {
      const confidence = twoDecimals(Math.max(0, 1 - (z - threshold) / threshold));
      return fail("OUT_OF_SCOPE", `${subject} is an anomaly (z-score ${z.toFixed(2)})`, facts, confidence);
    }
    return pass(`${subject} is not an anomaly`, twoDecimals(Math.max(0.7, 1 - z / threshold)), facts);
  };
}
