/** A value that is held and handed on, but never printed. */
import { masked } from "./mask-text.js";

/**
 * Holds a secret so that printing, logging, serialising or concatenating it shows `[secret]`.
 * Only {@link Secret.reveal} returns the value.
 */
export class Secret<T = string> {
  readonly #value: T;

  constructor(value: T) {
    this.#value = value;
  }

  /** The value. Call it where the value is used, not where it is passed on. */
  reveal(): T {
    return this.#value;
  }

  toString(): string {
    return masked;
  }

  toJSON(): string {
    return masked;
  }

  [Symbol.toPrimitive](): string {
    return masked;
  }

  /** What `console.log` and `util.inspect` show on Node. */
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return masked;
  }
}

/** The value of a {@link Secret}, or `value` itself when it is not wrapped. */
export function reveal<T>(value: T | Secret<T>): T {
  return value instanceof Secret ? value.reveal() : value;
}
