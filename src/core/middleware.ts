/** One onion form for everything that can be wrapped: requests, publishes, job handlers. */
import { ValidationError } from "./errors.js";

/** Carries out a call, or hands it to the next layer. */
export type Next<Call, Result> = (call: Call) => Promise<Result>;

/**
 * One layer. It is given the layers further in as `next` and returns what runs in their place.
 *
 * It may change the call, the result or the error, may answer without calling `next`, and may call `next`
 * more than once: that is how a retry is written. Each call of `next` runs all layers further in again.
 */
export type Middleware<Call, Result> = (next: Next<Call, Result>) => Next<Call, Result>;

/** What a layer throws before it has made a promise counts as its rejection. */
function asPromise<Call, Result>(run: Next<Call, Result>): Next<Call, Result> {
  return (call) => {
    try {
      return run(call);
    } catch (error) {
      return Promise.reject(error);
    }
  };
}

/**
 * Wraps `terminal` in `middlewares`, the first one outermost. Each middleware is called once, here, not once
 * a call. What is returned never throws, it rejects.
 *
 * Throws a `ValidationError` when a middleware is not a function or does not return one.
 */
export function compose<Call, Result>(
  middlewares: readonly Middleware<Call, Result>[],
  terminal: Next<Call, Result>,
): Next<Call, Result> {
  return middlewares.reduceRight((next, middleware, index) => {
    const wrapped: unknown = typeof middleware === "function" ? middleware(next) : undefined;
    if (typeof wrapped !== "function") {
      throw new ValidationError(`middleware ${index} must be a function (next) => (call) => result`);
    }
    return asPromise(wrapped as Next<Call, Result>);
  }, asPromise(terminal));
}
