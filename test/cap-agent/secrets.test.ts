/** Planted keys and tokens: a whole life of an agent under trust, and none of them in anything that it shows. */

import { inspect } from "node:util";
import { create } from "@bufbuild/protobuf";
import { afterEach, describe, expect, it, vi } from "vitest";
import {
  HandshakeSchema,
  IdentityBindingSchema,
  SUBJECT_RESULT,
  SUBJECT_TRUST_AUTHENTICATE,
} from "../../gen/cap/index.js";
import type { AgentContext, Bus, MetricsHook } from "../../src/cap/index.js";
import { Agent, generateKeyPair, InMemoryBlobStore, MemoryBus, toSigningKey } from "../../src/cap/index.js";
import { createPacket, decodePacket, encodePacket, sealPacket } from "../../src/cap/packet.js";
import { MemoryReplayStore, sealProduction } from "../../src/cap/production/index.js";
import { ProductionProfile } from "../../src/cap/production/profile.js";
import { resolveWorkerTrust, type WorkerTrustConfig } from "../../src/cap/trust/config.js";
import { TrustSession } from "../../src/cap/trust/session.js";
import { AgentwireError } from "../../src/core/errors.js";
import { IterableEmitter } from "../../src/core/iterable-emitter.js";
import { type Logger, safeLogger, silentLogger } from "../../src/core/logger.js";
import { FakeClock } from "../../src/testing/fake-clock.js";
import { LocalScheduler, type TrustFault } from "../../src/testing/local-scheduler.js";
import { json, run } from "../cli/cli.ts";
import { req } from "../requirements/index.ts";

type Channel = "log" | "error" | "inspect" | "hook" | "console" | "command";

/** Everything that was shown, by channel. */
class Shown {
  readonly texts: Record<Channel, string[]> = {
    log: [],
    error: [],
    inspect: [],
    hook: [],
    console: [],
    command: [],
  };
  readonly logger: Logger;

  constructor() {
    const log = (message: string, fields?: unknown) => this.add("log", message, fields);
    this.logger = { debug: log, info: log, warn: log, error: log };
  }

  /** Takes values in every form that a program might print them in. */
  add(channel: Channel, ...values: unknown[]): void {
    for (const value of values) {
      const texts = this.texts[channel];
      texts.push(`${inspect(value, { depth: 20, showHidden: true, getters: true })}`);
      try {
        texts.push(String(value));
        texts.push(
          JSON.stringify(value, (_, inner) => (typeof inner === "bigint" ? `${inner}` : inner)) ?? "",
        );
      } catch {
        // It refers to itself.
      }
      if (value instanceof Error) {
        texts.push(value.message, value.stack ?? "");
        if (value.cause !== undefined) this.add(channel, value.cause);
        if (value instanceof AgentwireError) this.add(channel, value.details, value.body);
      }
    }
  }

  /** Which secrets a channel has shown. */
  leaks(channel: Channel, secrets: ReadonlyMap<string, string>): string[] {
    const all = this.texts[channel].join("\n");
    return [...secrets].filter(([, secret]) => all.includes(secret)).map(([name]) => name);
  }
}

/** A secret, and parts of it that would give it away. */
function planted(name: string, secret: string): [string, string][] {
  if (!secret.includes("-----")) return [[name, secret]];
  const lines = secret.split("\n").filter((line) => line !== "" && !line.startsWith("-----"));
  return lines.slice(0, 2).map((line, i) => [`${name}, line ${i + 1}`, line]);
}

const CHANNELS: readonly Channel[] = ["log", "error", "inspect", "hook", "console", "command"];

afterEach(() => vi.restoreAllMocks());

/** Takes what the process prints. */
function listen(shown: Shown): void {
  for (const stream of [process.stdout, process.stderr])
    vi.spyOn(stream, "write").mockImplementation((chunk) => {
      shown.texts.console.push(String(chunk));
      return true;
    });
  for (const name of ["log", "info", "warn", "error", "debug"] as const)
    vi.spyOn(console, name).mockImplementation((...values) => shown.add("console", ...values));
}

async function life(
  fault: TrustFault,
  mode: "warn" | "enforce",
): Promise<{ shown: Shown; secrets: Map<string, string> }> {
  const shown = new Shown();
  const secrets = new Map<string, string>();
  listen(shown);
  const clock = new FakeClock();
  const memory = new MemoryBus();
  const scheduler = generateKeyPair();
  const local = await LocalScheduler.start({
    bus: memory.connect(),
    privateKey: scheduler.privateKeyPem,
    trust: { tokenTtlMs: 6_000, faults: [fault] },
    clock,
    logger: shown.logger,
  });
  const workerTrust: WorkerTrustConfig = { ...local.enroll("w-1"), mode, timeoutMs: 100, retries: 1 };
  const heartbeatToken = "planted-heartbeat-credential";
  const proof = workerTrust.proofPrivateKey as string;
  for (const entry of [
    ...planted("proof key", proof),
    ...planted("scheduler's key", scheduler.privateKeyPem),
    ...planted("heartbeat credential", heartbeatToken),
  ])
    secrets.set(...entry);
  const replies: Uint8Array[] = [];
  await memory.connect().subscribe("_INBOX.>", ({ data }) => {
    replies.push(data);
    const { authToken } = data.length > 0 ? decodePacket(data) : { authToken: "" };
    if (authToken !== "") secrets.set(`token ${secrets.size}`, authToken);
  });
  const store = new InMemoryBlobStore();
  await store.set("ctx:1", new TextEncoder().encode("1"));
  const metrics: MetricsHook = {
    onJobReceived: (...args) => shown.add("hook", ...args),
    onJobCompleted: (...args) => shown.add("hook", ...args),
    onJobFailed: (...args) => shown.add("hook", ...args),
    onHeartbeatSent: (...args) => shown.add("hook", ...args),
  };
  const bus: Bus = memory.connect();
  const make = (logger: Logger | undefined): Agent => {
    const agent = new Agent({
      bus,
      store,
      clock,
      workerId: "w-1",
      pool: "pool",
      load: () => ({}),
      goodbyeMs: 0,
      heartbeatToken,
      privateKey: proof,
      workerTrust,
      metrics,
      heartbeat: (beat) => {
        shown.add("hook", beat);
        return beat;
      },
      ...(logger && { logger }),
      ...(mode === "enforce" && { production: { replayStore: new MemoryReplayStore({ clock }) } }),
    });
    agent.job("job.echo", (data, ctx: AgentContext) => {
      shown.add("hook", ctx.packet, ctx.request);
      if (ctx.jobId === "bad") throw new Error("the handler's own words");
      return data;
    });
    for (const event of ["state", "refused", "job", "handlerError", "result", "heartbeat", "error"] as const)
      agent.on(event, (value) => shown.add(value instanceof Error ? "error" : "hook", value));
    return agent;
  };
  const first = make(shown.logger);
  await clock.until(first.start()).catch((error: unknown) => shown.add("error", error));
  shown.add("inspect", first, local, workerTrust.schedulerPublicKeys);
  await clock.until(first.close());
  vi.stubEnv("AGENTWIRE_LOG", "debug");
  const agent = make(undefined); // logs to the console, in full
  await clock.until(agent.start());
  const send = async (jobId: string, audience = "job.echo") => {
    const value = { jobId, topic: "job.echo", contextPtr: "redis://ctx:1" };
    const request = createPacket({ case: "jobRequest", value }, { senderId: "cordum-scheduler", clock });
    request.identity = create(IdentityBindingSchema, { tenantId: "default" });
    const key = toSigningKey(scheduler.privateKeyPem);
    const sealed =
      mode === "enforce"
        ? await sealProduction(request, { key, keyId: "scheduler-key", audience, clock })
        : await sealPacket(request, { key });
    await bus.publish("job.echo", sealed);
    await clock.settle();
  };
  const results: Uint8Array[] = [];
  await memory.connect().subscribe(SUBJECT_RESULT, ({ data }) => results.push(data));
  const proofs: Uint8Array[] = [];
  await memory.connect().subscribe(SUBJECT_TRUST_AUTHENTICATE, ({ data }) => proofs.push(data));
  await send("good");
  await send("bad");
  await send("elsewhere", "job.other");
  await bus.publish("job.echo", new TextEncoder().encode("no packet"));
  local.trustFaults.push("none", fault);
  await clock.advance(12_000);
  shown.add("inspect", agent, local);
  await clock.until(agent.close());
  const trust = resolveWorkerTrust(workerTrust, "w-1", {})!;
  const capability = create(HandshakeSchema, {});
  const session = new TrustSession({ bus, trust, capability, clock, log: silentLogger });
  shown.add("inspect", trust, session);
  if (mode === "enforce")
    shown.add("inspect", new ProductionProfile({ replayStore: new MemoryReplayStore() }, trust, clock));
  for (const config of [
    { ...workerTrust, proofPrivateKey: `${proof}x`.replace("END", "end") },
    { ...workerTrust, tenantId: "" },
  ]) {
    try {
      resolveWorkerTrust(config, "w-1", {});
    } catch (error) {
      shown.add("error", error);
    }
  }
  expect(results.length).toBeGreaterThanOrEqual(2);
  for (const data of [...results, ...proofs, ...replies.filter(({ length }) => length > 0)]) {
    const text = Buffer.from(data).toString("base64");
    const { out, err } = await run(["decode", text]);
    const { result } = await json(["decode", text]);
    shown.add("command", out, err, result);
  }
  vi.unstubAllEnvs();
  return { shown, secrets };
}

describe("secrets", () => {
  it.each<[TrustFault, "warn" | "enforce"]>([
    ["none", "enforce"],
    ["none", "warn"],
    ["silent", "enforce"],
    ["silent", "warn"],
    ["reject", "enforce"],
    ["wrong key", "enforce"],
    ["bad nonce", "warn"],
    ["expired", "enforce"],
    ["replayed", "enforce"],
  ])(
    req("cap.secrets", "show nowhere in the life of an agent: %s, %s"),
    { timeout: 180_000 },
    async (fault, mode) => {
      const { shown, secrets } = await life(fault, mode);
      expect(secrets.size).toBeGreaterThanOrEqual(6); // keys, the credential, and at least one token
      for (const channel of CHANNELS) {
        expect(shown.leaks(channel, secrets), channel).toEqual([]);
        expect(shown.texts[channel].length, `${channel} was listened to`).toBeGreaterThan(0);
      }
    },
  );

  it(req("cap.secrets", "that are leaked on purpose are found in each channel"), async () => {
    const secrets = new Map(planted("token", "session-0123456789abcdef"));
    const secret = "session-0123456789abcdef";
    const shown = new Shown();
    shown.logger.info("leak", { note: secret });
    shown.add("error", new AgentwireError("outer", { cause: new Error(`inner ${secret}`) }));
    shown.add("inspect", { deep: { deeper: [new Map([["a", secret]])] } });
    const events = new IterableEmitter<{ note: unknown }>({ logger: false });
    events.on("note", (value) => shown.add("hook", value));
    events.emit("note", { secret });
    listen(shown);
    vi.stubEnv("AGENTWIRE_LOG", "debug");
    safeLogger(undefined).error(`a careless line about ${secret}`);
    vi.unstubAllEnvs();
    const packet = createPacket(
      { case: "jobCancel", value: { jobId: "j", requestedBy: "c" } },
      { senderId: "c" },
    );
    const bytes = Buffer.from(encodePacket({ ...packet, authToken: secret })).toString("base64");
    shown.add("command", (await run(["decode", "--show-secrets", bytes])).out);
    for (const channel of CHANNELS) expect(shown.leaks(channel, secrets), channel).toEqual(["token"]);
    // And the logger that everything writes through masks what is named like a secret.
    const masked = new Shown();
    safeLogger(masked.logger).info("a line", { authToken: secret, privateKey: secret });
    expect(masked.leaks("log", secrets)).toEqual([]);
  });
});
