/** `pnpm bench aureus`: calls of the Aureus clients against bare fetch doing the same JSON call. */
import { AureusClient, AureusConsoleClient, type PolicyContext } from "../src/aureus/index.js";
import { keepAliveFetch } from "../src/index.js";
import { answering } from "./answering.ts";
import { loaded } from "./loaded.ts";
import type { Measured } from "./measure.ts";
import { formatMeasured, inLanes, measure } from "./measure.ts";

const context: PolicyContext = {
  principal: {
    id: "agent-001",
    type: "agent",
    permissions: [{ action: "read", resource: "database", intent: "read", dataZone: "internal" }],
  },
  action: {
    id: "read-records",
    name: "Read Records",
    riskTier: "low",
    requiredPermissions: [{ action: "read", resource: "database", intent: "read", dataZone: "internal" }],
  },
  currentState: "evaluating",
  auditLog: [],
};
/** The same as the wire has it. */
const wire = {
  principal: {
    id: "agent-001",
    type: "agent",
    permissions: [{ action: "read", resource: "database", intent: "read", data_zone: "internal" }],
  },
  action: {
    id: "read-records",
    name: "Read Records",
    risk_tier: "low",
    required_permissions: [{ action: "read", resource: "database", intent: "read", data_zone: "internal" }],
  },
  current_state: "evaluating",
  audit_log: [],
};
const answer = JSON.stringify({
  allowed: true,
  reason: "Low risk action approved",
  requires_human_approval: false,
});
const headers = {
  accept: "application/json",
  "content-type": "application/json",
  authorization: "Bearer key",
};

function bare(url: string, send: typeof fetch): () => Promise<unknown> {
  return async () => {
    const response = await send(url, {
      method: "POST",
      headers,
      body: JSON.stringify(wire),
      redirect: "manual",
    });
    return response.json();
  };
}

/** Runs the benchmark and prints its tables. */
export default async function benchAureus(): Promise<Measured[]> {
  const server = await answering({ "*": { status: 200, body: answer } });
  const { baseUrl } = server;
  const kept = keepAliveFetch()!;
  try {
    const url = `${baseUrl}/api/v1/policy/evaluate`;
    const client = new AureusClient({ baseUrl, apiKey: "key" });
    const clientKept = new AureusClient({ baseUrl, apiKey: "key", fetch: kept });
    const console_ = new AureusConsoleClient({ baseUrl, token: "key" });
    const { principal, action } = context;
    const rows: Measured[] = [];
    for (const [how, lanes] of [
      ["one at a time", 1],
      ["16 at once", 16],
    ] as const) {
      const against = `bare fetch, ${how}`;
      const measured = await measure([
        { name: against, run: inLanes(lanes, bare(url, fetch)) },
        { name: `AureusClient, ${how}`, run: inLanes(lanes, () => client.evaluatePolicy(context)), against },
        {
          name: `AureusConsoleClient, ${how}`,
          run: inLanes(lanes, () => console_.simulatePolicy(action as never, principal as never)),
          against,
        },
        {
          name: `AureusClient over keepAliveFetch, ${how}`,
          run: inLanes(lanes, () => clientKept.evaluatePolicy(context)),
          against,
        },
      ]);
      console.log(formatMeasured(`calls over loopback, ${how}`, measured));
      rows.push(...measured);
    }

    const still: typeof fetch = async () =>
      new Response(answer, {
        headers: { "content-type": "application/json", "content-length": String(answer.length) },
      });
    const offline = new AureusClient({ baseUrl, apiKey: "key", fetch: still });
    const alone = await measure([
      { name: "bare, no network", run: inLanes(1, bare(url, still)) },
      {
        name: "AureusClient, no network",
        run: inLanes(1, () => offline.evaluatePolicy(context)),
        against: "bare, no network",
      },
    ]);
    console.log(formatMeasured("calls without network", alone));
    const [base, ours] = alone.map(({ perSecond }) => 1e6 / perSecond);
    console.log(`  ${(ours! - base!).toFixed(1)} us added to ${base!.toFixed(1)} us`);
    console.log("what a bundle takes");
    for (const names of ["AureusClient", "AureusClient, Telemetry", "AureusConsoleClient"])
      console.log(await loaded("src/aureus/index.ts", names));
    return [...rows, ...alone];
  } finally {
    kept.close();
    server.stop();
  }
}
