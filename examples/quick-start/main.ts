import { defineHandler } from "agentwire/handler";
import { memoryAgentPair } from "agentwire/testing";

const greet = defineHandler({
  input: { type: "object", properties: { name: { type: "string" } }, required: ["name"] },
  run: ({ name }) => ({ text: `Hello, ${name}!` }),
});

const cap = memoryAgentPair();
cap.agent.job("job.greet", greet);
await cap.start();
console.log((await cap.submit("job.greet", { name: "Ada" })).output);
await cap.close();
