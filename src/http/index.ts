/** The runtime of generated HTTP clients. */

export type { KeyMap } from "../core/keys.js";
export type { HttpAnswer } from "./answer.js";
export { bearer, type HttpAuth, type IssuedToken, TokenSource } from "./auth.js";
export { HttpClient } from "./client.js";
export type { HttpOperation, OperationShapes, Paging } from "./operation.js";
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
export { type ResponseInfo, ResponsePromise, type WithResponse } from "./response-promise.js";
