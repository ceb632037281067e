/** The runtime of generated HTTP clients. */

export type { KeyMap } from "../core/keys.js";
export type { HttpAnswer } from "./answer.js";
export { bearer, type HttpAuth, type IssuedToken, TokenSource, type TokenSourceOptions } from "./auth.js";
export { HttpClient } from "./client.js";
export type { BodyKind, HttpOperation, OperationShapes, Paging, ResultKind } from "./operation.js";
export type {
  CallOptions,
  ClientOptions,
  HttpCall,
  HttpClientOptions,
  HttpMiddleware,
  QueryOptions,
  SendOptions,
  TlsOptions,
} from "./options.js";
export { PagePromise } from "./pages.js";
export { type RawClient, rawClient } from "./raw.js";
export { type Outcome, type ResponseInfo, ResponsePromise, type WithResponse } from "./response-promise.js";
