/** `pnpm bench 4runr`: a proxied call against bare fetch doing the same JSON work on the same server. */
import createClient from "openapi-fetch";
import type { wire } from "../gen/4runr/index.js";
import { GatewayClient } from "../src/4runr/index.js";
import { keepAliveFetch } from "../src/index.js";
import { answering } from "./answering.ts";
import { loaded } from "./loaded.ts";
import type { Measured } from "./measure.ts";
import { formatMeasured, inLanes, measure } from "./measure.ts";

const params = { q: "openai canada", query: "openai canada", engine: "google", num: 10 };
const answer = JSON.stringify({
  success: true,
  data: {
    source: "serpapi-mock",
    query: params.q,
    results: Array.from({ length: 10 }, (_, n) => ({
      title: `Result ${n}`,
      url: `https://example.com/${n}`,
    })),
    ts: 1_767_225_600_000,
  },
  metadata: { agent_id: "a", agent_name: "n", tool: "serpapi", action: "search", response_time_ms: 1 },
});
const token = `${btoa(JSON.stringify({ agent_id: "a" }))}.${"ab".repeat(32)}`;
const issued = JSON.stringify({ agent_token: token, token_id: "t", expires_at: "x", agent_name: "n" });

/** Runs the benchmark and prints its tables. */
export default async function bench4runr(): Promise<Measured[]> {
  const server = await answering({
    "/api/generate-token": { status: 201, body: issued },
    "*": { status: 200, body: answer },
  });
  const { baseUrl } = server;
  const bareWith = (send: typeof fetch) => async () => {
    const response = await send(`${baseUrl}/api/proxy-request`, {
      method: "POST",
      headers: { "content-type": "application/json", "x-correlation-id": "req_1" },
      body: JSON.stringify({ agent_token: token, tool: "serpapi", action: "search", params }),
      redirect: "manual",
    });
    if (!response.ok) throw new Error(`HTTP ${response.status}`);
    return ((await response.json()) as { data: unknown }).data;
  };
  const bare = bareWith(fetch);
  const openapi = createClient<wire.paths>({ baseUrl, redirect: "manual" });
  const generated = async () => {
    const body = { agent_token: token, tool: "serpapi", action: "search", params };
    const { data } = await openapi.POST("/api/proxy-request", { body });
    return data;
  };
  const kept = keepAliveFetch()!;
  const gw = new GatewayClient({ baseUrl, agentId: "a" });
  const gwKept = new GatewayClient({ baseUrl, agentId: "a", fetch: kept });
  const proxy = (client: GatewayClient) => () => client.proxy("serpapi", "search", params);

  const rows: Measured[] = [];
  for (const [how, lanes] of [
    ["serial", 1],
    ["16 in flight", 16],
  ] as const) {
    const against = `bare fetch, ${how}`;
    const measured = await measure([
      { name: against, run: inLanes(lanes, bare) },
      { name: `openapi-fetch, ${how}`, run: inLanes(lanes, generated), against },
      { name: `proxy, ${how}`, run: inLanes(lanes, proxy(gw)), against },
      { name: `proxy over keepAliveFetch, ${how}`, run: inLanes(lanes, proxy(gwKept)), against },
    ]);
    console.log(formatMeasured(`a call over loopback, ${how}`, measured));
    rows.push(...measured);
  }

  // The same answer without a network: what is left is the work of each.
  const isToken = (url: unknown) => String(url).endsWith("/api/generate-token");
  const answered = (async (url: unknown) =>
    new Response(isToken(url) ? issued : answer, { status: isToken(url) ? 201 : 200 })) as typeof fetch;
  const offline = new GatewayClient({ baseUrl, agentId: "a", fetch: answered });
  const alone = await measure([
    { name: "bare, no network", run: inLanes(1, bareWith(answered)) },
    { name: "proxy, no network", run: inLanes(1, proxy(offline)), against: "bare, no network" },
  ]);
  console.log(formatMeasured("without a network", alone));
  const [bareMicros, oursMicros] = alone.map(({ perSecond }) => 1e6 / perSecond);
  console.log(`  added by proxy: ${(oursMicros! - bareMicros!).toFixed(1)} us a call`);

  console.log("what a bundle takes");
  for (const names of ["GatewayClient", "GatewayAdmin", "*"])
    console.log(await loaded("src/4runr/index.ts", names));

  await Promise.all([gw.close(), gwKept.close(), offline.close()]);
  kept.close();
  server.stop();
  return [...rows, ...alone];
}
