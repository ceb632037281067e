/**
 * Stands before a local server that answers no preflights, as a reverse proxy would, so that a page of another
 * origin can call it. Streams go through as they come.
 */
import { createServer, request as send } from "node:http";

/** A proxy that listens. */
export interface CorsProxy {
  readonly url: string;
  /** Headers that pages asked for in preflights. */
  readonly asked: ReadonlySet<string>;
  close(): Promise<void>;
}

/** Forwards everything to `target`. `allowHeaders`: what a page may send; default: what it asks for. */
export async function corsProxy(target: string, allowHeaders?: string): Promise<CorsProxy> {
  const asked = new Set<string>();
  const server = createServer((request, response) => {
    const wanted = request.headers["access-control-request-headers"];
    response.setHeader("access-control-allow-origin", "*");
    if (request.method === "OPTIONS" && request.headers["access-control-request-method"] !== undefined) {
      for (const name of (wanted ?? "").split(",")) if (name.trim() !== "") asked.add(name.trim());
      response.setHeader("access-control-allow-methods", "GET,POST,PUT,DELETE,OPTIONS");
      if (wanted !== undefined) response.setHeader("access-control-allow-headers", allowHeaders ?? wanted);
      response.writeHead(204).end();
      return;
    }
    const { method, headers } = request;
    const forwarded = send(new URL(request.url ?? "/", target), { method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    forwarded.on("error", () => response.destroy());
    response.on("close", () => forwarded.destroy());
    request.pipe(forwarded);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  return {
    url: `http://127.0.0.1:${port}`,
    asked,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
