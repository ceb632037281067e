import { Neuron } from "agentwire/neuron";
import { LocalBigBrain } from "agentwire/testing";

const gateway = await LocalBigBrain.start(); // or the URL of a real one

const neuron = new Neuron({
  gatewayUrl: gateway.url,
  neuronId: "my-neuron-1", // stable over restarts, different for each replica
  auth: () => "token", // sync or async; called for every request
});

neuron.handle(
  {
    type: "example/echo",
    scope: "any",
    concurrency: 4,
    inputSchema: { type: "object" },
    outputSchema: { type: "object", properties: { echo: {} }, required: ["echo"] },
  },
  async (input, ctx) => {
    ctx.progress({ percent: 50, message: "halfway" });
    return { echo: input };
  },
);

neuron.on("connection:registered", ({ capabilities }) =>
  console.log(`registered ${capabilities} capability`),
);
await neuron.start();

const outcome = await gateway.submit({ capability: "example/echo", input: { hello: "world" } });
console.log(outcome.status, JSON.stringify("output" in outcome ? outcome.output : outcome));

await neuron.stop({ drain: true, timeoutMs: 30_000 }); // what SIGTERM should do
await gateway.close();
