import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import type { AddressInfo } from "node:net";

/** A request as it came over the wire. */
export interface SeenRequest {
  readonly method: string;
  /** As sent, still encoded. */
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly headers: IncomingHttpHeaders;
  readonly body: unknown;
  /** Tells connections apart. */
  readonly port: number | undefined;
}

/** What a server answers; undefined closes the connection, "hang" never answers. */
export type Answer =
  | { readonly status?: number; readonly headers?: Record<string, string>; readonly body?: unknown }
  | "hang"
  | undefined;

/** An HTTP server on loopback. */
export interface TestServer {
  readonly url: string;
  readonly seen: SeenRequest[];
  close(): Promise<void>;
}

/** Answers what `answer` says; a body that is no text is sent as JSON. */
export async function serve(
  answer: (request: SeenRequest, n: number) => Answer | Promise<Answer>,
  port = 0,
): Promise<TestServer> {
  const seen: SeenRequest[] = [];
  const server: Server = createServer((request, response) => {
    let text = "";
    request.on("data", (chunk: Buffer) => {
      text += chunk.toString();
    });
    request.on("end", () => {
      void (async () => {
        const [path = "", search = ""] = (request.url ?? "").split(/\?(.*)/s);
        const item: SeenRequest = {
          method: request.method ?? "",
          path,
          query: Object.fromEntries(new URLSearchParams(search)),
          headers: request.headers,
          port: request.socket.remotePort,
          body: text === "" ? null : JSON.parse(text),
        };
        seen.push(item);
        const given = await answer(item, seen.length - 1);
        if (given === "hang") return;
        if (given === undefined) {
          request.socket.destroy();
          return;
        }
        const { status = 200, body, headers } = given;
        const sent = body === undefined ? "" : typeof body === "string" ? body : JSON.stringify(body);
        const type = typeof body === "string" ? "text/plain" : "application/json";
        response
          .writeHead(status, { "content-type": type, ...headers })
          .end(status === 204 ? undefined : sent);
      })();
    });
  });
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}
