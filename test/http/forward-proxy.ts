/** A proxy of the kind that companies have, and a server behind TLS. */
import { readFileSync } from "node:fs";
import { createServer, request as forward, type IncomingMessage, type RequestListener } from "node:http";
import { createServer as createSecureServer } from "node:https";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { cleanups, listen } from "./server.ts";

export const pem = (name: string) => readFileSync(join(import.meta.dirname, "../peers/tls", name), "utf8");
/** What trusts the certificate of {@link serveSecurely}. */
export const tls = { ca: pem("ca.pem"), servername: "redis.test" };
const names = ["HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"];

/** Runs `make` with these variables alone. They are gone again before anything is sent. */
export function within<T>(env: Readonly<Record<string, string>>, make: () => T): T {
  const before = names.map((name) => [name, process.env[name]] as const);
  for (const name of names) delete process.env[name];
  Object.assign(process.env, env);
  try {
    return make();
  } finally {
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  }
}

/** A proxy that takes every name for this machine. */
export async function startProxy(options: { readonly refuse?: number } = {}) {
  const asked: { line: string; headers: IncomingMessage["headers"] }[] = [];
  const sockets: Socket[] = [];
  const server = createServer((request, response) => {
    asked.push({ line: `${request.method} ${request.url}`, headers: request.headers });
    if (options.refuse !== undefined) return response.writeHead(options.refuse).end("refused");
    const { pathname, search, port } = new URL(request.url!);
    const { method, headers } = request;
    const onward = forward(
      { host: "127.0.0.1", port, path: pathname + search, method, headers },
      (answer) => {
        response.writeHead(answer.statusCode!, answer.headers);
        response.flushHeaders(); // an event stream may say nothing for long
        answer.on("error", () => response.destroy()).pipe(response);
      },
    );
    onward.on("error", () => response.destroy());
    response.on("close", () => onward.destroy());
    return request.pipe(onward);
  });
  server.on("connect", (request, socket: Socket) => {
    asked.push({ line: `CONNECT ${request.url}`, headers: request.headers });
    if (options.refuse !== undefined) return socket.end(`HTTP/1.1 ${options.refuse} No\r\n\r\n`);
    const onward = connect(Number(request.url!.split(":")[1]), "127.0.0.1", () => {
      socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
      socket.pipe(onward).pipe(socket);
    });
    sockets.push(socket, onward);
    for (const one of [socket, onward]) one.on("error", () => {});
    return undefined;
  });
  const { baseUrl, port } = await listen(server);
  cleanups.push(() => {
    for (const socket of sockets) socket.destroy();
  });
  return { url: baseUrl, port, asked };
}

export async function serveSecurely(
  answer: RequestListener = (_, response) => void response.end('"secret"'),
) {
  const server = createSecureServer({ key: pem("server.key"), cert: pem("server.pem") }, answer);
  const { port } = await listen(server);
  return { port, url: `https://127.0.0.1:${port}` };
}
