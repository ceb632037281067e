import { Neuron } from "agentwire/neuron";
import { createClientCredentialsAuth } from "agentwire/neuron/auth";

const { BIGBRAIN_GATEWAY_URL = "https://bigbrain.holokai.dev", BIGBRAIN_NEURON_ID = "greeter-1" } =
  process.env;
const neuron = new Neuron({
  gatewayUrl: BIGBRAIN_GATEWAY_URL,
  neuronId: BIGBRAIN_NEURON_ID, // stable over restarts, another one for each replica
  auth: createClientCredentialsAuth(process.env.BIGBRAIN_CREDENTIAL_FILE), // default: ~/.holokai/…
});

neuron.handle({ type: "examples/greet", scope: "any", concurrency: 4 }, (input) => {
  const { name } = input as { name: string };
  return { text: `Hello, ${name}!` };
});
neuron.on("connection:registered", ({ capabilities }) => console.log(`serving ${capabilities} capability`));
neuron.on("error", (error) => console.error(error.message)); // also if the credential was revoked: enroll again

process.once("SIGTERM", () => void neuron.stop().then(() => console.log("stopped")));
await neuron.start();
