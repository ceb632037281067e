/** BIGBRAIN_GATEWAY_URL=… BIGBRAIN_NEURON_ID=… BIGBRAIN_TOKEN=… tsx examples/neuron-http-fetch/main.ts */
import { run } from "../neuron-shared/run.ts";
import { httpFetch } from "./capability.ts";

await run((neuron) =>
  neuron.handle({ type: "examples/http.fetch", scope: "any", concurrency: 8, leaseTtlMs: 60_000 }, httpFetch),
);
