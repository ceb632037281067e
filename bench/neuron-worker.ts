/** Our side of `pnpm bench neuron`: an echo neuron in a process of its own. */
import { Neuron } from "../src/neuron/index.js";

const neuron = new Neuron({ gatewayUrl: process.argv[2]!, neuronId: "bench", auth: () => "token" });
neuron.handle({ type: "bench/echo", scope: "any", concurrency: 64 }, (input) => ({ echo: input }));
process.once("SIGTERM", () => void neuron.stop({ drain: false }));
await neuron.start();
