/** A response that was read to its end. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: Headers;
  /** The body as it came. */
  readonly text: string;
  /** The body as JSON where it is JSON, undefined where there is none, else the text. */
  readonly body: unknown;
}
