/** What a newcomer writes. */

/** An agent with zod schemas that uses all four protocols. */
export const fourProtocols = `import { z } from "zod";
import { GatewayClient } from "agentwire/4runr";
import { AureusClient } from "agentwire/aureus";
import { natsAgent } from "agentwire/cap/nats";
import { defineHandler } from "agentwire/handler";
import { Neuron } from "agentwire/neuron";

const gateway = new GatewayClient();
const aureus = new AureusClient();
const greet = defineHandler({
  input: z.object({ name: z.string() }),
  output: z.object({ text: z.string(), found: z.number(), workflow: z.string() }),
  run: async ({ name }) => {
    const { results = [] } = await gateway.proxy("serpapi", "search", { query: name });
    const tasks = [{ id: "t1", name: "t1", type: "action" as const }];
    const { status } = await aureus.executeWorkflow({ id: "w1", name: "greet", tasks, dependencies: {} });
    return { text: \`Hello, \${name}!\`, found: results.length, workflow: status };
  },
});
const agent = natsAgent({ workerId: "greeter-1", pool: "greeters" });
agent.job("job.greet", greet);
const neuron = new Neuron();
neuron.handle({ type: "acme/greet" }, greet);
await Promise.all([agent.run(), neuron.run()]);
`;

/** The quick start as CommonJS. */
export const commonJs = `const { defineHandler } = require("agentwire/handler");
const { memoryAgentPair } = require("agentwire/testing");

async function main() {
  const cap = memoryAgentPair();
  cap.agent.job("job.greet", defineHandler({ run: ({ name }) => ({ text: "Hello, " + name + "!" }) }));
  await cap.start();
  console.log((await cap.submit("job.greet", { name: "Ada" })).output);
  await cap.close();
}
main();
`;

/** CommonJS in TypeScript that compiles to \`require\`. */
export const commonJsTypes = `import { defineHandler } from "agentwire/handler";
import { MemoryBus } from "agentwire/cap";

export const greet = defineHandler({ run: () => ({ text: "Hello" }) });
console.log(typeof greet.run, new MemoryBus().connect().status());
`;

/** A wrong set-up, and what it has to print. */
export interface WrongSetUp {
  readonly name: string;
  readonly program: string;
  readonly env?: NodeJS.ProcessEnv;
  /** Each in one of the two streams, whose order is not fixed. */
  readonly prints: readonly RegExp[];
}

const deadAgent = `import { natsAgent } from "agentwire/cap/nats";
const agent = natsAgent({ workerId: "w", pool: "p" });
agent.job("job.x", async () => 1);
await agent.start();
await agent.close();
`;
const pair = (body: string) => `import { z } from "zod";
import { memoryAgentPair } from "agentwire/testing";
const cap = memoryAgentPair();
${body}
await cap.close();
`;

/** Ten of them. \`NATS_URL\` leads to a server where \`env\` does not say otherwise. */
export const WRONG: readonly WrongSetUp[] = [
  {
    name: "no NATS server",
    program: deadAgent,
    env: { NATS_URL: "nats://127.0.0.1:9" },
    prints: [/\[CONNECTION\]: cannot connect to NATS at 127\.0\.0\.1:9: .*is the server running/],
  },
  {
    name: "no ioredis",
    program: deadAgent,
    prints: [/\[MISSING_PACKAGE\].*npm install ioredis/],
  },
  {
    name: "no neuron gateway",
    program: `import { Neuron } from "agentwire/neuron";
const neuron = new Neuron();
neuron.handle({ type: "acme/x" }, () => 1);
await neuron.start();
setTimeout(() => neuron.close(), 1000);
`,
    env: { BIGBRAIN_GATEWAY_URL: "http://127.0.0.1:9", BIGBRAIN_NEURON_ID: "n", BIGBRAIN_TOKEN: "t" },
    prints: [/agentwire warn .*stream could not be opened.*ECONNREFUSED 127\.0\.0\.1:9/],
  },
  {
    name: "neuron without settings",
    program: 'import { Neuron } from "agentwire/neuron";\nnew Neuron();\n',
    prints: [/neuronId is required: pass neuronId, or set BIGBRAIN_NEURON_ID/],
  },
  {
    name: "no Aureus server",
    program: `import { AureusClient } from "agentwire/aureus";
await new AureusClient({ baseUrl: "http://127.0.0.1:9" }).getWorkflowStatus("w");
`,
    prints: [/\[CONNECTION\]: the Aureus server could not be reached: connect ECONNREFUSED 127\.0\.0\.1:9/],
  },
  {
    name: "4Runr without an agent",
    program:
      'import { GatewayClient } from "agentwire/4runr";\nnew GatewayClient({ baseUrl: "http://127.0.0.1:9" });\n',
    prints: [/agentId is required: pass agentId, or set AGENT_ID/],
  },
  {
    name: "handler that throws",
    program: pair(`cap.agent.job("job.x", async () => { throw new Error("boom"); });
await cap.start();
await cap.submit("job.x", {}).catch((error) => console.log(String(error)));`),
    prints: [/agentwire error handler failed .*\nError: boom\n +at /, /\[JOB_FAILED\].*handler failed/],
  },
  {
    name: "input that does not match",
    program:
      pair(`cap.agent.job("job.x", { input: z.object({ prompt: z.string() }) }, ({ prompt }) => prompt);
await cap.start();
await cap.submit("job.x", { promt: "typo" }).catch((error) => console.log(String(error)));`),
    prints: [/\[JOB_INVALID_INPUT\].*\/prompt.*expected string/],
  },
  {
    name: "job that nobody serves",
    program: pair(`cap.agent.job("job.x", async () => 1);
await cap.start();
await cap.client.submitAndWait({ topic: "job.y", input: {} }, { timeoutMs: 10_500 }).catch((error) => console.log(String(error)));`),
    prints: [
      /agentwire warn .*no result for job\.y after 10 s/,
      /job-\S+ on job\.y did not end within 10500 ms/,
    ],
  },
  {
    name: "wrong key",
    program: `import { generateKeyPair, MemoryBus, openJobClient } from "agentwire/cap";
import { LocalScheduler } from "agentwire/testing";
const bus = new MemoryBus();
const [mine, other] = [generateKeyPair(), generateKeyPair()];
const scheduler = await LocalScheduler.start({ bus: bus.connect(), publicKeys: { client: other.publicKeyPem } });
const client = await openJobClient({ bus: bus.connect(), senderId: "client", privateKey: mine.privateKeyPem });
await client.submitAndWait({ topic: "job.x" }, { timeoutMs: 300 }).catch((error) => console.log(String(error)));
await client.close();
await scheduler.close();
`,
    prints: [/agentwire warn {2}packet refused .*signature is not one of the sender's/],
  },
];

/** A test for Jest. */
export const jestTest = `import { runHandler } from "agentwire/testing";
import { defineHandler } from "agentwire/handler";
test("greets", async () => {
  const run = await runHandler(defineHandler({ run: ({ name }) => "Hello, " + name }), { name: "Ada" });
  expect(run.output).toBe("Hello, Ada");
});
`;
