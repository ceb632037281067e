/** What the generator writes down about an operation of a spec. */

import type { Shape } from "../core/keys.js";
import type { RetryRule } from "../core/retry-policy.js";

/** How a request body is encoded. */
export type BodyKind = "json" | "form" | "multipart" | "text" | "bytes";

/** How a successful response is read; `none` for operations whose responses carry no content. */
export type ResultKind = "json" | "text" | "bytes" | "events" | "none";

/** Where the pages of a list operation are found; set by the extension `x-paging` of a spec. */
export interface Paging {
  /** Member of the response that holds the items; absent when the response is the list itself. */
  readonly items?: string;
  /** Query parameter that takes the cursor, offset or page number of the next request. */
  readonly parameter: string;
  /** Member of the response that holds the next cursor. Absent for paging by `offset` or `page`. */
  readonly next?: string;
  /** What `parameter` counts when there is no cursor. Default: `offset`. */
  readonly counts?: "offset" | "page";
}

/** One operation of a spec, as generated clients pass it to {@link HttpClient.send}. */
export interface HttpOperation extends RetryRule {
  /** The operation id of the spec. */
  readonly id: string;
  readonly method: "GET" | "PUT" | "POST" | "DELETE" | "OPTIONS" | "HEAD" | "PATCH" | "TRACE";
  /** Path below the base URL, with `{parameters}`. */
  readonly path: string;
  /** Absent: the operation takes no body. */
  readonly body?: BodyKind;
  /** Media type of the body where it is not the usual one of its kind. */
  readonly contentType?: string;
  /** Default: `json`. */
  readonly result?: ResultKind;
  /** Outermost form of the JSON in every successful response; anything else is refused. */
  readonly expects?: "object" | "array" | "string";
  /** Members of the data that every successful response has; any other response is refused. */
  readonly needs?: readonly string[];
  /** True for an operation that the spec exempts from authentication (`security: []`). */
  readonly public?: boolean;
  /** Statuses whose bodies the spec describes as errors: `"404"`, `"4XX"`, `"default"`. */
  readonly errors?: readonly string[];
  /** Shapes of the parts that are converted between snake_case and camelCase; absent parts are not. */
  readonly shapes?: OperationShapes;
  readonly paging?: Paging;
  /** Query parameters that are sent as JSON, by their names in the protocol. */
  readonly jsonQuery?: readonly string[];
}

/** The shapes of the parts of an operation; a part that is missing needs no conversion. */
export interface OperationShapes {
  readonly query?: Shape;
  readonly request?: Shape;
  /** By status: `"200"`, `"5XX"`, `"default"`. */
  readonly responses?: Readonly<Record<string, Shape>>;
  /** The JSON in each event of a stream. */
  readonly events?: Shape;
}
