/** `pnpm bench aureus`: calls of the Aureus clients against bare fetch doing the same JSON call. */
import { join } from "node:path";
import type { PolicyContext } from "../gen/aureus/v1/models.js";
import { simulationRequest } from "../src/aureus/convert.js";
import { AureusClient, AureusConsoleClient } from "../src/aureus/index.js";
import { answering } from "./answering.ts";
import { compiled } from "./compiled.ts";
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
/** The same with the keys of the protocol. */
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
/** Good for both dialects. */
const answer = JSON.stringify({
  decision: { allowed: true, reason: "Low risk action approved", requiresHumanApproval: false },
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

/** What the pipeline adds to the JSON work of a call, over a transport that answers at once. */
async function withoutNetwork(): Promise<Measured[]> {
  const still = join(import.meta.dirname, "still-transport.ts");
  const { default: run } = (await import(await compiled("aureus-offline.ts", { "#transport": still }))) as {
    default: (context: PolicyContext, sent: unknown, answer: string) => Promise<Measured[]>;
  };
  return run(context, wire, answer);
}

/** Runs the benchmark and prints its tables. */
export default async function benchAureus(): Promise<Measured[]> {
  const server = await answering({ "*": { status: 200, body: answer } });
  const { baseUrl } = server;
  try {
    const url = `${baseUrl}/api/v1/policy/evaluate`;
    const client = new AureusClient({ baseUrl, apiKey: "key" });
    const overFetch = new AureusClient({ baseUrl, apiKey: "key", fetch: globalThis.fetch });
    const operator = new AureusConsoleClient({ baseUrl, token: "key" });
    const operatorOverFetch = new AureusConsoleClient({ baseUrl, token: "key", fetch: globalThis.fetch });
    const asked = simulationRequest(context.action, context.principal);
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
          run: inLanes(lanes, () => operator.simulatePolicy(asked)),
          against,
        },
        {
          name: `AureusClient over fetch, ${how}`,
          run: inLanes(lanes, () => overFetch.evaluatePolicy(context)),
          against,
        },
        {
          name: `AureusConsoleClient over fetch, ${how}`,
          run: inLanes(lanes, () => operatorOverFetch.simulatePolicy(asked)),
          against,
        },
      ]);
      console.log(formatMeasured(`calls over loopback, ${how}`, measured));
      rows.push(...measured);
    }

    const alone = await withoutNetwork();
    rows.push(...alone);
    console.log("what a bundle takes");
    for (const names of ["AureusClient", "AureusClient, Telemetry", "AureusConsoleClient"])
      console.log(await loaded("src/aureus/index.ts", names));
    return rows;
  } finally {
    server.stop();
  }
}
