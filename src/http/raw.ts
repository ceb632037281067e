/** `client.raw`: openapi-fetch on the pipeline of a generated client. */
import type { Client } from "openapi-fetch";
import type { HttpClient } from "./client.js";

/** A client of openapi-fetch, typed by `paths`, that sends through the pipeline of `http`. */
export function rawClient<Paths extends object>(_http: HttpClient): Client<Paths> {
  throw new Error("not built yet");
}
