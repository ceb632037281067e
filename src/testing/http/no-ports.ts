/** In place of `@hono/node-server` on platforms that have no ports to listen on. */
import { UnsupportedError } from "../../core/errors.js";

/** @throws UnsupportedError */
export function getRequestListener(): never {
  throw new UnsupportedError("listening on a port requires Node; pass `port: false` and use `fetch` instead");
}
