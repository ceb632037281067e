/** Every HTTP client of the package goes through the proxy that the environment names. */
import { describe, expect, it } from "vitest";
import { GatewayAdmin, GatewayClient } from "../../src/4runr/index.js";
import { AureusClient, AureusConsoleClient } from "../../src/aureus/index.js";
import { req } from "../requirements/index.ts";
import { serveSecurely, startProxy, tls, within } from "./forward-proxy.ts";
import { cleanups, json, serve } from "./server.ts";

interface Options {
  readonly baseUrl: string;
  readonly allowInsecure?: boolean;
  readonly logger: false;
  readonly tls?: { readonly ca: string; readonly servername: string };
}
type Closable = { close(): Promise<void> };
type Answering = Record<string, unknown>;

/** A client, one call of it, and what a server answers that takes the call. */
const clients: Record<string, (options: Options) => readonly [Closable, () => PromiseLike<unknown>]> = {
  GatewayClient(options) {
    const client = new GatewayClient({ ...options, agentId: "a" });
    return [client, () => client.proxy("serpapi", "search", { q: "x" })];
  },
  GatewayAdmin(options) {
    const client = new GatewayAdmin(options);
    return [client, () => client.listAgents()];
  },
  AureusClient(options) {
    const client = new AureusClient({ ...options, apiKey: "k" });
    return [client, () => client.getMetrics()];
  },
  AureusConsoleClient(options) {
    const client = new AureusConsoleClient({ ...options, token: "t" });
    return [client, () => client.health()];
  },
};

function answerTo(path: string): Answering | readonly unknown[] {
  if (path.includes("token")) {
    const expiresAt = new Date(Date.now() + 3_600_000).toISOString();
    return { agent_token: "t", token: "t", expiresAt, expires_at: expiresAt };
  }
  if (path.includes("/proxy")) return { success: true, data: { results: [] } };
  if (path.includes("/agents")) return { agents: [] };
  if (path.includes("/metrics")) return [];
  return { status: "ok" };
}

describe.each(Object.entries(clients))("%s", (_, make) => {
  it(req("core.http.proxy", "goes through HTTP_PROXY, except to what NO_PROXY names"), async () => {
    const server = await serve(({ url }, response) => json(response, 200, answerTo(url)));
    const proxy = await startProxy();
    const baseUrl = `http://control.internal:${server.port}`;
    const options = { baseUrl, allowInsecure: true, logger: false as const };
    const [client, call] = within({ HTTP_PROXY: proxy.url }, () => make(options));
    cleanups.push(() => client.close());
    await call();
    expect(server.seen.length).toBeGreaterThan(0);
    expect(proxy.asked.map(({ line }) => line)).toEqual(
      server.seen.map(({ method, url }) => `${method} ${baseUrl}${url}`),
    );
    const [direct, callDirectly] = within({ HTTP_PROXY: proxy.url, NO_PROXY: "127.0.0.1" }, () =>
      make({ ...options, baseUrl: server.baseUrl }),
    );
    cleanups.push(() => direct.close());
    proxy.asked.length = 0;
    await callDirectly();
    expect(proxy.asked).toEqual([]);
  });

  it(req("core.http.proxy", "goes through HTTPS_PROXY with CONNECT"), async () => {
    const seen: string[] = [];
    const { port } = await serveSecurely((request, response) => {
      seen.push(`${request.method} ${request.url}`);
      request.resume().on("end", () => {
        response.setHeader("content-type", "application/json");
        response.end(JSON.stringify(answerTo(request.url!)));
      });
    });
    const proxy = await startProxy();
    const options = { baseUrl: `https://control.internal:${port}`, tls, logger: false as const };
    const [client, call] = within({ HTTPS_PROXY: proxy.url }, () => make(options));
    cleanups.push(() => client.close());
    await call();
    expect(seen.length).toBeGreaterThan(0);
    expect(new Set(proxy.asked.map(({ line }) => line))).toEqual(
      new Set([`CONNECT control.internal:${port}`]),
    );
  });
});
