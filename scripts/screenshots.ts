/** `pnpm screenshots`: a stack with traffic on all four protocols, and pictures of the inspector in docs/images. */
import { mkdirSync, readdirSync } from "node:fs";
import { delimiter, join } from "node:path";
import { GatewayClient } from "../src/4runr/index.ts";
import { AureusClient } from "../src/aureus/index.ts";
import { Agent, generateKeyPair, InMemoryBlobStore, openJobClient } from "../src/cap/index.ts";
import { connectNats } from "../src/cap/nats/index.ts";
import { startStack } from "../src/cli/dev/stack.ts";
import { Neuron } from "../src/neuron/index.ts";
import { launchBrowser } from "./browser.ts";

const root = join(import.meta.dirname, "..");
const images = join(root, "docs/images");
mkdirSync(images, { recursive: true });

/** nats-server from the PATH, or as the tests fetch it. */
const peers = join(root, ".cache/peers");
const fetched = readdirSync(peers)
  .filter((name) => name.startsWith("nats-server"))
  .map((name) => join(peers, name, "bin"));
const env = { ...process.env, PATH: [process.env.PATH, ...fetched].join(delimiter) };

const pairs = {
  "web-1": generateKeyPair(),
  "worker-1": generateKeyPair(),
  "cordum-scheduler": generateKeyPair(),
};
const publicKeys = Object.fromEntries(
  Object.entries(pairs).map(([name, { publicKeyPem }]) => [name, publicKeyPem]),
);
const stack = await startStack({
  ...{
    env,
    jetstream: false,
    demo: false,
    log: () => {},
    privateKey: pairs["cordum-scheduler"].privateKeyPem,
    publicKeys,
  },
  functions: { tools: {}, actions: {}, validators: {} },
  keys: new Map(Object.entries(publicKeys).map(([name, pem]) => [name, [pem]])),
  policy: ({ topic }) => ({
    decision: topic === "job.pay" ? 3 : 1,
    reason: topic === "job.pay" ? "payment over 100 EUR" : "",
  }),
});
const { NATS_URL, AUREUS_URL, GATEWAY_URL, AGENT_ID, BIGBRAIN_GATEWAY_URL, BIGBRAIN_TOKEN } = stack.env;
const gateway = new GatewayClient({ baseUrl: GATEWAY_URL, agentId: AGENT_ID });
const aureus = new AureusClient({ baseUrl: AUREUS_URL! });
const read = { action: "read", resource: "reports", intent: "read", dataZone: "internal" } as const;
const mayRead = (traceId: string, permitted: boolean) =>
  aureus.evaluatePolicy({
    principal: { id: "worker-1", type: "agent", permissions: permitted ? [read] : [] },
    action: { id: traceId, name: "read-reports", riskTier: "low", requiredPermissions: [read] },
    ...{ currentState: "evaluating", auditLog: [] },
  });

const store = new InMemoryBlobStore();
const workerBus = await connectNats({ servers: NATS_URL, env: {} });
const worker = { privateKey: pairs["worker-1"].privateKeyPem, publicKeys, heartbeatIntervalMs: 900 };
const agent = new Agent({
  bus: workerBus,
  store,
  workerId: "worker-1",
  pool: "reports",
  logger: false,
  ...worker,
});
agent.job("job.summarize", async (input, ctx) => {
  const { topic } = input as { topic: string };
  const { traceId } = ctx.packet;
  await mayRead(traceId, topic !== "secrets");
  if (topic === "secrets") return ctx.fail("the policy does not allow it", { code: "JOB_PERMISSION_DENIED" });
  await gateway.proxy("serpapi", "search", { q: topic }, { correlationId: traceId });
  return { summary: `all about ${topic}` };
});
await agent.start();
const neuron = new Neuron({
  gatewayUrl: BIGBRAIN_GATEWAY_URL!,
  neuronId: "neuron-1",
  auth: () => BIGBRAIN_TOKEN!,
  logger: false,
});
const input = {
  type: "object",
  properties: { text: { type: "string", examples: ["hello"] }, to: { enum: ["de", "fr"] } },
};
neuron.handle({ type: "text/translate", input, concurrency: 4 }, async (given, ctx) => {
  if ((given as { text: string }).text !== "slow") return { text: "bonjour" };
  return new Promise((_, reject) => ctx.signal.addEventListener("abort", () => reject(ctx.signal.reason)));
});
await neuron.start();

const clientBus = await connectNats({ servers: NATS_URL, env: {} });
const client = await openJobClient({
  bus: clientBus,
  store,
  senderId: "web-1",
  privateKey: pairs["web-1"].privateKeyPem,
  publicKeys,
});
const task = async (text: string) => {
  const body = JSON.stringify({ capability: "text/translate", input: { text, to: "fr" } });
  await fetch(`${stack.url}/neuron/tasks`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body,
  });
};
await mayRead("policy-check-000001", false);
for (const topic of ["weather", "secrets", "markets", "trains", "rivers"]) {
  await client
    .submitAndWait({ topic: "job.summarize", input: { topic } }, { timeoutMs: 10_000 })
    .catch(() => {});
  await task(topic);
}
await client.submit({ topic: "job.pay", principalId: "alice" });
await client.submit({ topic: "job.archive" });
void task("slow").catch(() => {});
await new Promise((resolve) => setTimeout(resolve, 1_500));

const browser = await launchBrowser();
for (const colorScheme of ["light", "dark"] as const) {
  const page = await browser.newPage({
    viewport: { width: 1440, height: 810 },
    colorScheme,
    deviceScaleFactor: 1,
  });
  const settle = () => page.evaluate<void>(() => new Promise((resolve) => setTimeout(resolve, 700)));
  const shoot = async (name: string) => {
    await settle();
    await page.screenshot({
      path: join(images, `inspector-${name}${colorScheme === "dark" ? "-dark" : ""}.png`),
    });
  };
  await page.goto(stack.pageUrl);
  await settle();
  await page.locator("#filter").fill("op:sys.job.result status:ok");
  await settle();
  await page.keyboard.press("Escape");
  for (const key of ["j", "Enter"]) await page.keyboard.press(key);
  await page.getByRole("tab", { name: "Signature" }).click();
  await page.locator("#filter").fill("");
  await page.keyboard.press("Escape");
  await shoot("timeline");
  if (colorScheme === "light") {
    await page.getByRole("button", { name: /^Traces/ }).click();
    await settle();
    await page.locator(".list button:has-text('job.summarize') >> nth=-1").click();
    await shoot("traces");
    await page.getByRole("button", { name: /^State/ }).click();
    await shoot("state");
    await page.getByRole("button", { name: /^Send/ }).click();
    await page.locator("select").selectOption("neuron text/translate");
    await page.locator(".primary").click();
    await shoot("send");
  }
  await page.close();
}
await browser.close();
await neuron.stop();
await agent.close();
await gateway.close();
await aureus.close();
await client.close();
await clientBus.close();
await workerBus.close();
await stack.close();
console.log(
  `wrote ${readdirSync(images)
    .filter((name) => name.startsWith("inspector-"))
    .join(", ")}`,
);
