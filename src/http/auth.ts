/** Proof of who calls, added to requests. */
import type { Cut } from "./cut.js";

/** Gives requests their credential; see {@link bearer} and {@link TokenSource}. */
export interface HttpAuth {
  /** The value of the `authorization` header, or undefined to send none. A promise only where it has to wait. */
  authorization(cut: Cut): string | undefined | Promise<string>;
  /** Reports that the server answered 401 to this value. True if asking again gives another one. */
  refused(authorization: string): boolean;
}
