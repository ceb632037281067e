/** BIGBRAIN_GATEWAY_URL=… BIGBRAIN_NEURON_ID=… BIGBRAIN_TOKEN=… tsx examples/neuron-progress-cancel/main.ts */
import { run } from "../neuron-shared/run.ts";
import { batchProcess } from "./capability.ts";

await run((neuron) =>
  neuron.handle(
    { type: "examples/batch.process", scope: "any", concurrency: 2, leaseTtlMs: 120_000 },
    batchProcess,
  ),
);
