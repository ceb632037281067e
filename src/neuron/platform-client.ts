/** The platform's own way to make requests: kept connections on Node, `fetch` elsewhere. */
import { builtinModule } from "../core/builtin.js";
import type { KeepAliveClient, KeepAliveOptions } from "../core/keep-alive.js";
import { fetchClient } from "./fetch-client.js";

/** A client whose code is loaded with its first request: a browser never loads that for Node. */
export function platformClient(options: KeepAliveOptions): KeepAliveClient {
  const viaFetch = (): KeepAliveClient =>
    fetchClient((input, init) => globalThis.fetch(input, init), options.clock);
  if (builtinModule("node:http") === undefined) return viaFetch();
  let client: KeepAliveClient | undefined;
  let closed = false;
  const load = async (): Promise<KeepAliveClient> => {
    const { keepAliveClient } = await import("../core/keep-alive-client.js");
    client ??= keepAliveClient(options) ?? viaFetch();
    if (closed) client.close();
    return client;
  };
  return {
    request: (url, request) =>
      client === undefined
        ? load().then((ready) => ready.request(url, request))
        : client.request(url, request),
    close() {
      closed = true;
      client?.close();
    },
  };
}
