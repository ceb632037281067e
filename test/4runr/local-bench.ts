/** A local gateway, and the calls that tests make of it. */
import { afterEach, expect } from "vitest";
import type { wire } from "../../gen/4runr/index.js";
import type { LocalAgent, RegisterOptions } from "../../src/testing/four-runr/options.js";
import { Local4Runr, type Local4RunrOptions } from "../../src/testing/index.js";

export let gateway: Local4Runr;
afterEach(() => gateway?.close());

export async function start(options: Local4RunrOptions = {}): Promise<Local4Runr> {
  gateway = await Local4Runr.start(options);
  return gateway;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Readonly<Record<string, unknown>>;
}

export async function ask(path: string, init: RequestInit & { json?: unknown } = {}): Promise<Answer> {
  const { json, ...rest } = init;
  const response = await fetch(gateway.url + path, {
    ...(json !== undefined && {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(json),
    }),
    ...rest,
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: text === "" ? {} : JSON.parse(text) };
}

export async function tokenFor(
  { agentId }: LocalAgent,
  ttlMs = 600_000,
  now = Date.now(),
): Promise<wire.components["schemas"]["IssuedToken"]> {
  const expires_at = new Date(now + ttlMs).toISOString();
  const given = { agent_id: agentId, tools: ["serpapi"], permissions: ["read"], expires_at };
  const { status, body } = await ask("/api/generate-token", { json: given });
  expect(status).toBe(201);
  return body as unknown as wire.components["schemas"]["IssuedToken"];
}

export function call(agent_token: string, tool: string, action: string, params: object, more: object = {}) {
  return ask("/api/proxy-request", { json: { agent_token, tool, action, params, ...more } });
}

export const search = (token: string, more: object = {}) =>
  call(token, "serpapi", "search", { q: "a", query: "a", num: 1 }, more);

export async function agentWithToken(options?: RegisterOptions, now?: number) {
  const agent = await gateway.register(options);
  return { agent, token: (await tokenFor(agent, 600_000, now)).agent_token };
}
