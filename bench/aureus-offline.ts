/** Calls without a network, for `pnpm bench aureus`; compiled with the transport of still-transport.ts. */

import type { PolicyContext } from "../gen/aureus/v1/models.js";
import { simulationRequest } from "../src/aureus/convert.js";
import { AureusClient, AureusConsoleClient } from "../src/aureus/index.js";
import type { Measured } from "./measure.ts";
import { formatMeasured, inLanes, measure } from "./measure.ts";
import { answerWith } from "./still-transport.ts";

/** Measures, prints and returns the rows. */
export default async function offline(
  context: PolicyContext,
  sent: unknown,
  answer: string,
): Promise<Measured[]> {
  answerWith(answer);
  const bytes = new TextEncoder().encode(answer);
  const decoder = new TextDecoder();
  const baseUrl = "http://127.0.0.1:1";
  const client = new AureusClient({ baseUrl, apiKey: "key" });
  const operator = new AureusConsoleClient({ baseUrl, token: "key" });
  const asked = simulationRequest(context.action, context.principal);
  const bare = "JSON work alone, no network";
  const rows = await measure([
    {
      name: bare,
      run: inLanes(1, async () => {
        JSON.stringify(sent);
        return JSON.parse(decoder.decode(bytes)) as unknown;
      }),
    },
    {
      name: "AureusClient, no network",
      run: inLanes(1, () => client.evaluatePolicy(context)),
      against: bare,
    },
    {
      name: "AureusConsoleClient, no network",
      run: inLanes(1, () => operator.simulatePolicy(asked)),
      against: bare,
    },
  ]);
  console.log(formatMeasured("calls without network", rows));
  const [base, ...ours] = rows.map(({ perSecond }) => 1e6 / perSecond);
  for (const [at, us] of ours.entries())
    console.log(`  ${rows[at + 1]!.name}: ${(us - base!).toFixed(1)} us added to ${base!.toFixed(1)} us`);
  return rows;
}
