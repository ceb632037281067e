/** A copy of `value` as its JSON, which later changes to `value` do not reach. @throws TypeError where it has none. */
export function jsonCopy<T>(value: T): T {
  return JSON.parse(JSON.stringify(value)) as T;
}
