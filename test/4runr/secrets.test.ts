import { inspect } from "node:util";
import { expect, it } from "vitest";
import { GatewayAdmin, GatewayClient } from "../../src/4runr/index.js";
import { FakeClock } from "../../src/testing/fake-clock.js";
import { req } from "../requirements/index.ts";
import { agentId, type Reply, scripted, tokenOf } from "./scripted.ts";

const token = tokenOf({ agent_id: agentId, agent_name: "planted" });
const planted = {
  token,
  payload: Buffer.from(token.split(".")[0]!, "base64").toString(),
  key: "-----BEGIN PRIVATE KEY-----\nPLANTEDKEY\n-----END PRIVATE KEY-----",
  password: "planted-password-1",
  apiKey: "planted-api-key-1",
};

/** Everything that can be seen of a client at work, channel by channel. */
async function watch(replies: readonly Reply[]) {
  const clock = new FakeClock();
  const channels: Record<"log" | "error" | "event" | "inspect", string[]> = {
    log: [],
    error: [],
    event: [],
    inspect: [],
  };
  const log = (message: string, fields?: object) =>
    void channels.log.push(`${message} ${inspect(fields, { depth: 20 })}`);
  const gateway = scripted(replies, () => ({
    status: 201,
    body: { agent_token: token, token_id: "t", expires_at: "x", agent_name: "n" },
  }));
  const gw = new GatewayClient({
    baseUrl: "http://gateway.example",
    agentId,
    agentPrivateKeyPem: planted.key,
    proof: true,
    clock,
    fetch: gateway.fetch,
    logger: { debug: log, info: log, warn: log, error: log },
  });
  const seen = (event: unknown) =>
    void channels.event.push(inspect(event, { depth: 20 }) + JSON.stringify(event));
  for (const name of ["answer", "rotation", "retry", "limit"] as const) gw.on(name, seen);
  const params = {
    q: "x",
    password: planted.password,
    nested: [{ api_key: planted.apiKey, Authorization: planted.token, proof_payload: planted.payload }],
  };
  const call = gw.proxy("serpapi", "search", params).catch((error: Error) => {
    channels.error.push(
      String(error),
      inspect(error, { depth: 20 }),
      JSON.stringify(error),
      String(error.stack),
    );
  });
  await clock.until(call);
  channels.inspect.push(inspect(gw, { depth: 20, showHidden: true }), JSON.stringify(gw));
  return { gw, channels, log, seen, sent: gateway.proxied() };
}

const echo = (text: string) => ({
  error: "External API request failed",
  details: { said: text, list: [text] },
});

it.each<[string, Reply]>([
  ["a success", { headers: { "x-token-rotation-recommended": "true" } }],
  [
    "a failure that quotes the token and its payload",
    { status: 502, body: echo(`${planted.token} ${planted.payload}`) },
  ],
  ["a refusal", { status: 403, body: { error: `bad token ${planted.token}`, reason: "r" } }],
  ["a rate limit", { status: 429, body: { error: "Rate limit exceeded", retry_after: 1 } }],
  ["a broken connection", { throws: new TypeError("fetch failed") }],
])(req("fourRunr.masking", "no planted secret shows up after %s"), async (_, reply) => {
  const { channels, sent } = await watch([reply]);
  expect(JSON.stringify(sent)).toContain(planted.token.slice(0, 40)); // it was really in use
  const all = Object.values(channels).flat();
  expect(channels.log.length + channels.event.length).toBeGreaterThan(0);
  const found = Object.values(planted).flatMap((secret) => all.filter((text) => text.includes(secret)));
  expect(found).toEqual([]);
});

it("a control leak in each channel is found", async () => {
  const { channels, log, seen } = await watch([{}]);
  log(`control ${planted.password}`);
  seen({ control: planted.token });
  channels.error.push(inspect(new Error(planted.password)));
  channels.inspect.push(inspect({ control: planted.apiKey }));
  for (const texts of Object.values(channels)) {
    expect(Object.values(planted).some((secret) => texts.some((text) => text.includes(secret)))).toBe(true);
  }
});

it("warns once about a token that travels over http:// to another machine", () => {
  const warned: string[] = [];
  const logger = { debug() {}, info() {}, warn: (text: string) => void warned.push(text), error() {} };
  new GatewayClient({ baseUrl: "http://far.example", agentId, logger });
  new GatewayAdmin({ baseUrl: "http://far.example", logger });
  new GatewayClient({ baseUrl: "http://127.0.0.1:3000", agentId, logger });
  new GatewayClient({ baseUrl: "http://other.example", agentId, logger, allowInsecure: true });
  expect(warned).toHaveLength(1);
});
