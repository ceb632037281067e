/** `pnpm bench 4runr`: a proxied call against bare fetch doing the same JSON work on the same server. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createFourRunrClient } from "../gen/4runr/index.js";
import { GatewayClient } from "../src/4runr/index.js";
import type { Measured } from "./measure.ts";
import { formatMeasured, measure } from "./measure.ts";

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

/** Does the work one at a time. */
function serial(work: () => Promise<unknown>) {
  return async (times: number): Promise<void> => {
    for (let i = 0; i < times; i++) await work();
  };
}

/** Keeps sixteen in flight. */
function at16(work: () => Promise<unknown>) {
  return async (times: number): Promise<void> => {
    let left = times;
    const lane = async () => {
      while (left-- > 0) await work();
    };
    await Promise.all(Array.from({ length: 16 }, lane));
  };
}

/** Runs the benchmark and prints its tables. */
export async function bench4runr(): Promise<Measured[]> {
  const server = createServer((request, response) => {
    request.resume().on("end", () => {
      const isToken = request.url === "/api/generate-token";
      const body = isToken ? issued : answer;
      response.writeHead(isToken ? 201 : 200, {
        "content-type": "application/json",
        "content-length": Buffer.byteLength(body),
        "x-correlation-id": "req_1_1",
      });
      response.end(body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

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
  const openapi = createFourRunrClient({ baseUrl });
  const generated = async () => {
    const body = { agent_token: token, tool: "serpapi", action: "search", params };
    const { data } = await openapi.POST("/api/proxy-request", { body });
    return data;
  };
  const gw = new GatewayClient({ baseUrl, agentId: "a" });
  const ours = () => gw.proxy("serpapi", "search", params);
  await ours();

  const rows: Measured[] = [];
  for (const [how, run] of [
    ["serial", serial],
    ["16 in flight", at16],
  ] as const) {
    const measured = await measure([
      { name: `bare fetch, ${how}`, run: run(bare) },
      { name: `openapi-fetch, ${how}`, run: run(generated), against: `bare fetch, ${how}` },
      { name: `proxy, ${how}`, run: run(ours), against: `bare fetch, ${how}` },
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
    { name: "bare, no network", run: serial(bareWith(answered)) },
    {
      name: "proxy, no network",
      run: serial(() => offline.proxy("serpapi", "search", params)),
      against: "bare, no network",
    },
  ]);
  console.log(formatMeasured("without a network", alone));
  const [bareMicros, oursMicros] = alone.map(({ perSecond }) => 1e6 / perSecond);
  console.log(`  added by proxy: ${(oursMicros! - bareMicros!).toFixed(1)} us a call`);

  await Promise.all([gw.close(), offline.close()]);
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  return [...rows, ...alone];
}
