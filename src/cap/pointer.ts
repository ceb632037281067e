/** Pointers: where the input and output of a job are kept (CAP spec 06). */
import { InvalidInputError } from "./errors.js";

const SCHEME = "redis://";

/** The pointer to a key of the blob store. */
export function pointerFor(key: string): string {
  return SCHEME + key;
}

/**
 * The key behind a pointer: all that follows `redis://`, unchanged.
 *
 * @throws InvalidInputError "empty pointer", "unsupported pointer scheme" or "missing pointer key", in the
 * words a worker puts into its FAILED result.
 */
export function keyFromPointer(pointer: string): string {
  if (pointer === "") throw new InvalidInputError("empty pointer");
  if (!pointer.startsWith(SCHEME)) throw new InvalidInputError("unsupported pointer scheme");
  const key = pointer.slice(SCHEME.length);
  if (key === "") throw new InvalidInputError("missing pointer key");
  return key;
}
