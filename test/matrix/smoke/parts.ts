/**
 * The smoke programs: one for each entry that runs anywhere. They use only the package's public names, and run
 * unchanged on every runtime of the matrix; each throws, or says in a few words what it saw.
 */
import {
  AgentwireError,
  ajvValidator,
  jsonSchema,
  retry,
  type SchemaValidator,
  TimeoutError,
  VERSION,
} from "agentwire";
import { GatewayClient } from "agentwire/4runr";
import { AureusClient, AureusConsoleClient } from "agentwire/aureus";
import { CrvGate, GoalGuard, notNull, statisticalBounds } from "agentwire/aureus/engine";
import {
  defaultCrypto,
  generateKeyPair,
  KeyRing,
  MemoryBus,
  nobleCrypto,
  openJobClient,
  runWorker,
  SignatureInvalidError,
  toSigningKey,
} from "agentwire/cap";
import { createPacket, openPacket, signPacket } from "agentwire/cap/packet";
import { operationTable as gatewayOperations } from "agentwire/gen/4runr";
import { operationTable as consoleOperations } from "agentwire/gen/aureus/console";
import { operationTable as v1Operations } from "agentwire/gen/aureus/v1";
import { SUBJECT_SUBMIT } from "agentwire/gen/cap";
import { operationTable as neuronOperations } from "agentwire/gen/neuron";
import { defineHandler } from "agentwire/handler";
import { Neuron } from "agentwire/neuron";
import { LocalScheduler } from "agentwire/testing";
import type { PeerAddresses } from "./peers.js";

/** What a program is given. */
export interface SmokeContext extends PeerAddresses {
  /** Where code generation is forbidden. Default: ajv. */
  readonly validator?: SchemaValidator;
}

/** What a program saw, or why it failed. */
export interface SmokeResult {
  readonly part: string;
  readonly ok: boolean;
  readonly detail: string;
}

const numberIn = jsonSchema<{ n: number }>({
  type: "object",
  required: ["n"],
  properties: { n: { type: "number" } },
});

const programs: Readonly<Record<string, (context: SmokeContext) => Promise<string>>> = {
  async core({ validator = ajvValidator() }) {
    let tries = 0;
    await retry(
      async () => {
        if (++tries < 2) throw new TimeoutError("once");
      },
      { policy: { minDelayMs: 1 } },
    );
    check(tries === 2 && new TimeoutError("x") instanceof AgentwireError, "retry and errors");
    const compiled = await validator.compile({ type: "object", required: ["a"] });
    check(compiled.validate({ a: 1 }).ok && !compiled.validate({}).ok, "JSON Schema");
    return VERSION;
  },

  async gen() {
    const tables = [neuronOperations, v1Operations, consoleOperations, gatewayOperations];
    const count = tables.reduce((sum, table) => sum + Object.keys(table).length, 0);
    check(count > 20 && SUBJECT_SUBMIT === "sys.job.submit", "generated tables");
    return `${count} operations`;
  },

  async handler() {
    const double = defineHandler({ input: numberIn, run: ({ n }) => ({ doubled: n * 2 }) });
    check(double.input === numberIn, "schemas of a handler");
    return "schemas kept";
  },

  async cap() {
    const [client, scheduler, worker] = [generateKeyPair(), generateKeyPair(), generateKeyPair()];
    const publicKeys = {
      "client-1": client.publicKeyPem,
      "cordum-scheduler": scheduler.publicKeyPem,
      "worker-1": worker.publicKeyPem,
    };
    const bus = new MemoryBus();
    const local = await LocalScheduler.start({
      bus: bus.connect(),
      privateKey: scheduler.privateKeyPem,
      publicKeys,
    });
    const serving = await runWorker({
      ...{ bus: bus.connect(), subject: "job.echo", senderId: "worker-1", publicKeys },
      privateKey: worker.privateKeyPem,
      handler: async ({ jobId }) => ({ resultPtr: `redis://res:${jobId}` }),
    });
    const jobs = await openJobClient({
      ...{ bus: bus.connect(), senderId: "client-1", publicKeys },
      privateKey: client.privateKeyPem,
    });
    const result = await jobs.submitAndWait({ jobId: "j-1", topic: "job.echo" }, { timeoutMs: 20_000 });
    check(result.resultPtr === "redis://res:j-1", "the result of the job");
    await jobs.close();
    await serving.close();
    await local.close();
    await refusesForgery(client.privateKeyPem, client.publicKeyPem);
    return `signed job, ${defaultCrypto().name}`;
  },

  async neuron({ bigBrainUrl, validator }) {
    const neuron = new Neuron({
      ...{ gatewayUrl: bigBrainUrl, neuronId: "smoke-1", auth: () => "token", validator },
    });
    neuron.handle(
      { type: "smoke/double", scope: "any", concurrency: 1, inputSchema: numberIn },
      async (input, ctx) => {
        ctx.progress({ percent: 50 });
        return { doubled: (input as { n: number }).n * 2 };
      },
    );
    const delivered = new Promise<boolean>((resolve) =>
      neuron.on("lease:answered", (e) => resolve(e.delivered)),
    );
    await neuron.start();
    check(await delivered, "the ack was accepted");
    await neuron.stop();
    return "lease acked";
  },

  async aureus({ aureusUrl }) {
    const client = new AureusClient({ baseUrl: aureusUrl, apiKey: "smoke-key" });
    const task = { id: "t-1", name: "echo", type: "action" as const, inputs: { snake_case: 1 } };
    const run = await client.executeWorkflow({
      id: "w-1",
      name: "smoke",
      tasks: [task],
      dependencies: { "t-1": [] },
    });
    check(run.status === "success", `workflow ${run.status}`);
    await client.close();
    const credentials = { username: "operator", password: "operator123" };
    const operator = new AureusConsoleClient({ baseUrl: aureusUrl, credentials });
    const workflows = await operator.listWorkflows();
    await operator.close();
    check(workflows.length > 0, "the console knows the workflow");
    return "V1 and console";
  },

  async engine() {
    const gate = new CrvGate({
      name: "smoke",
      validators: [notNull(), statisticalBounds("balance", { min: 0 })],
      blockOnFailure: true,
      requiredConfidence: 0.8,
    });
    const verdict = await gate.validate({ id: "c-1", data: { balance: -5 }, metadata: {} });
    check(verdict.blockedCommit, "the gate blocks");
    const principal = { id: "a-1", type: "agent" as const, permissions: [] };
    const action = { id: "x", name: "x", riskTier: "critical" as const, requiredPermissions: [] };
    const decision = new GoalGuard().evaluate(principal, action);
    check(decision.requiresHumanApproval, "a critical action waits for a human");
    return "gate and guard";
  },

  async fourRunr({ fourRunrUrl, agentId }) {
    let found = 0;
    for (const baseUrl of ["mock://localhost", fourRunrUrl]) {
      const client = new GatewayClient({ baseUrl, agentId, defaultIntent: "smoke" });
      const { results = [] } = await client.proxy("serpapi", "search", { q: "agent", num: 2 });
      found += results.length;
      await client.close();
    }
    check(found === 4, `found ${found} results`);
    return "mock:// and HTTP";
  },
};

/** Names of all programs, in the order in which they run. */
export const partNames: readonly string[] = Object.keys(programs);

/** Runs all programs, one after another, each for at most 30 s. */
export async function runParts(context: SmokeContext): Promise<SmokeResult[]> {
  const results: SmokeResult[] = [];
  for (const [part, program] of Object.entries(programs)) {
    try {
      results.push({ part, ok: true, detail: await within(30_000, program(context)) });
    } catch (error) {
      results.push({
        part,
        ok: false,
        detail: error instanceof Error ? (error.stack ?? error.message) : String(error),
      });
    }
  }
  return results;
}

async function refusesForgery(privateKey: string, publicKey: string): Promise<void> {
  const packet = createPacket(
    { case: "jobRequest", value: { jobId: "j-2", topic: "job.echo" } },
    { senderId: "client-1" },
  );
  for (const crypto of [defaultCrypto(), nobleCrypto]) {
    const { bytes } = await signPacket(packet, toSigningKey(privateKey, { crypto }));
    const keys = new KeyRing({ "client-1": publicKey }, { crypto });
    const opened = await openPacket(bytes, { keys });
    check(opened.senderId === "client-1", `verified with ${crypto.name}`);
    const forged = bytes.slice();
    const at = bytes.findIndex((_, i) => bytes[i] === 0x6a && bytes[i + 1] === 0x2d && bytes[i + 2] === 0x32);
    forged[at + 2] = 0x33; // j-2 becomes j-3
    const refused = await openPacket(forged, { keys }).then(
      () => false,
      (error: unknown) => error instanceof SignatureInvalidError,
    );
    check(refused, `forgery refused with ${crypto.name}`);
  }
}

function check(ok: boolean, what: string): void {
  if (!ok) throw new Error(`failed: ${what}`);
}

async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`took longer than ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
