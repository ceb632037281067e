/**
 * BIGBRAIN_GATEWAY_URL=… BIGBRAIN_NEURON_ID=… BIGBRAIN_TOKEN=… tsx examples/neuron-web-search/main.ts
 * Asks a stub in this process; with E2E_NETWORK=1 the public server.
 */
import { run } from "../neuron-shared/run.ts";
import { publicSearch, webSearch } from "./capability.ts";
import { startStub } from "./stub-server.ts";

const searchUrl = process.env.E2E_NETWORK === "1" ? publicSearch : (await startStub()).url;

await run((neuron) =>
  neuron.handle(
    { type: "examples/web.search", scope: "any", concurrency: 4, leaseTtlMs: 30_000 },
    webSearch(searchUrl),
  ),
);
