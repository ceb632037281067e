/** A response other than a success, thrown by what carries out a request. */
export class Refusal extends Error {
  /** `body` is sent as JSON. */
  constructor(
    readonly status: number,
    readonly body: object,
  ) {
    super(`refused with ${status}`);
  }
}

/** A refusal whose text is in `error`. */
export function refusal(status: number, error: string, more: object = {}): Refusal {
  return new Refusal(status, { error, ...more });
}

/** Returns `item`. @throws Refusal if it is undefined */
export function found<T>(item: T | undefined, refusal: Refusal): T {
  if (item === undefined) throw refusal;
  return item;
}
