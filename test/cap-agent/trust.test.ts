/** An agent under worker trust, and under CAP-PRODUCTION, against the issuer of the local scheduler. */
import { inspect } from "node:util";
import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import type { BusPacket, JobRequest, JobResult } from "../../gen/cap/index.js";
import {
  DispatchIdentitySchema,
  IdentityBindingSchema,
  SUBJECT_CANCEL,
  SUBJECT_HANDSHAKE,
  SUBJECT_HEARTBEAT,
  SUBJECT_PROGRESS,
  SUBJECT_RESULT,
  workerSubject,
} from "../../gen/cap/index.js";
import type {
  AgentContext,
  AgentOptions,
  Bus,
  BusStatus,
  JobRequestInit,
  PrivateKey,
} from "../../src/cap/index.js";
import {
  Agent,
  generateKeyPair,
  InMemoryBlobStore,
  KeyRing,
  runWorker,
  toSigningKey,
} from "../../src/cap/index.js";
import { createPacket, encodePacket, sealPacket } from "../../src/cap/packet.js";
import {
  MemoryReplayStore,
  openProduction,
  type ReplayStore,
  Resources,
  sealProduction,
} from "../../src/cap/production/index.js";
import type { ProductionOptions } from "../../src/cap/production/profile.js";
import { blobResolver } from "../../src/cap/production/resource.js";
import { keysById, type WorkerTrustConfig } from "../../src/cap/trust/config.js";
import { type AgentwireError, ConnectionError } from "../../src/core/errors.js";
import { FakeClock } from "../../src/testing/fake-clock.js";
import { LocalScheduler } from "../../src/testing/local-scheduler.js";
import { req } from "../requirements/index.ts";
import { bench, gate, text } from "./agent-bench.ts";
import { stream } from "./stream.ts";

const scheduler = generateKeyPair();
const client = generateKeyPair();

/** A scheduler that issues sessions, and an agent on a connection that a test can break. */
async function make(
  given: Partial<AgentOptions> & { trust?: Partial<WorkerTrustConfig>; tokenTtlMs?: number } = {},
) {
  const set = await bench();
  const { clock, memory, store } = set;
  const { trust, tokenTtlMs = 60_000, ...options } = given;
  const workerKeys = new KeyRing();
  const local = await LocalScheduler.start({
    bus: memory.connect(),
    privateKey: scheduler.privateKeyPem,
    trust: { tokenTtlMs, production: options.production !== undefined },
    publicKeys: workerKeys,
    clock,
    logger: false,
  });
  const listeners = new Set<(status: BusStatus) => void>();
  const base = memory.connect();
  const bus: Bus = Object.assign(Object.create(base) as Bus, {
    publish: base.publish.bind(base),
    subscribe: base.subscribe.bind(base),
    status: () => base.status(),
    onStatus: (listener: (status: BusStatus) => void) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  });
  const say = (status: BusStatus) => {
    for (const listener of [...listeners]) listener(status);
  };
  const workerTrust: WorkerTrustConfig = { ...local.enroll("w-1"), timeoutMs: 1_000, retries: 1, ...trust };
  workerKeys.add("w-1", toSigningKey(workerTrust.proofPrivateKey).publicKeyPem);
  workerKeys.add("client-1", client.publicKeyPem);
  const agent = new Agent({
    bus,
    store,
    clock,
    workerId: "w-1",
    pool: "pool",
    load: () => ({}),
    goodbyeMs: 0,
    logger: false,
    privateKey: workerTrust.proofPrivateKey,
    workerTrust,
    ...options,
  });
  const refused: AgentwireError[] = [];
  const errors: AgentwireError[] = [];
  agent.on("refused", (error) => refused.push(error));
  agent.on("error", (error) => errors.push(error as AgentwireError));
  const source = memory.connect();
  const request = (jobId: string, more: JobRequestInit = {}) =>
    createPacket(
      { case: "jobRequest", value: { jobId, topic: "job.echo", contextPtr: "redis://ctx:1", ...more } },
      { senderId: "cordum-scheduler", clock },
    );
  await store.set("ctx:1", text({ n: 1 }));
  const key = (privateKey: PrivateKey = scheduler.privateKeyPem) => toSigningKey(privateKey);
  const publish = async (bytes: Uint8Array, subject = "job.echo") => {
    await source.publish(subject, bytes);
    await clock.settle();
  };
  return {
    ...set,
    connection: bus,
    local,
    agent,
    refused,
    errors,
    say,
    request,
    key,
    publish,
    workerTrust,
    /** Sends a job as the pinned scheduler does. */
    dispatch: async (jobId: string, subject = "job.echo") =>
      publish(await sealPacket(request(jobId), { key: key() }), subject),
    done: () => set.results().map(({ jobId }) => jobId),
    packets: (subject: string) =>
      set.heard.filter((one) => one.subject === subject).map(({ packet }) => packet),
  };
}

describe("an agent under worker trust", () => {
  it(
    req("cap.trust.session", "proves itself before it takes jobs; all its packets carry the token"),
    async () => {
      const set = await make();
      set.agent.job("job.echo", (data, { progress }: AgentContext) => {
        progress({ percent: 50 });
        return data;
      });
      await set.agent.start();
      const order = set.heard.map(({ subject }) => subject).filter((subject) => subject.startsWith("sys."));
      expect(order.slice(0, 3)).toEqual([
        "sys.worker.handshake.challenge",
        "sys.worker.handshake.authenticate",
        "sys.handshake",
      ]);
      await set.clock.settle();
      await set.dispatch("j-1");
      await set.dispatch("j-2", workerSubject("w-1"));
      expect(set.done()).toEqual(["j-1", "j-2"]);
      const own = [SUBJECT_HANDSHAKE, SUBJECT_HEARTBEAT, SUBJECT_PROGRESS, SUBJECT_RESULT].flatMap(
        set.packets,
      );
      expect(own.length).toBeGreaterThanOrEqual(6);
      expect(new Set(own.map(({ authToken }) => authToken)).size).toBe(1);
      expect(own.every((packet) => set.local.workers().has("w-1") && packet.authToken !== "")).toBe(true);
      await set.clock.until(set.agent.close());
    },
  );

  it.each(["warn", "enforce"] as const)(
    req("cap.trust.session", "takes jobs of the pinned scheduler only, in %s"),
    async (mode) => {
      const other = generateKeyPair();
      const set = await make({ trust: { mode }, publicKeys: { "client-1": other.publicKeyPem } });
      set.agent.job("job.echo", (data) => data);
      await set.agent.start();
      await set.publish(encodePacket(set.request("unsigned")));
      await set.publish(await sealPacket(set.request("forged"), { key: set.key(other.privateKeyPem) }));
      const known = { ...set.request("known"), senderId: "client-1" };
      await set.publish(await sealPacket(known, { key: set.key(other.privateKeyPem) }));
      expect(set.done()).toEqual([]);
      expect(set.refused.map(({ details }) => (details as { problem: string }).problem)).toEqual([
        "missing_signature",
        "wrong_signature",
        "unknown_sender",
      ]);
      await set.dispatch("genuine");
      expect(set.done()).toEqual(["genuine"]);
      await set.clock.until(set.agent.close());
    },
  );

  it("takes cancels of the keys it was given, else of the pinned scheduler", async () => {
    const other = generateKeyPair();
    for (const publicKeys of [undefined, { "client-1": other.publicKeyPem }]) {
      const set = await make({ publicKeys });
      const stuck = gate();
      set.agent.job("job.echo", (_, { signal }: AgentContext) => {
        signal.addEventListener("abort", () => stuck.open());
        return stuck.opened;
      });
      await set.agent.start();
      await set.dispatch("j-1");
      const value = { jobId: "j-1", requestedBy: "client-1" };
      const senderId = publicKeys === undefined ? "cordum-scheduler" : "client-1";
      const cancel = createPacket({ case: "jobCancel", value }, { senderId, clock: set.clock });
      await set.publish(encodePacket(cancel), SUBJECT_CANCEL);
      expect(set.done()).toEqual([]);
      const key = set.key(publicKeys === undefined ? scheduler.privateKeyPem : other.privateKeyPem);
      await set.publish(await sealPacket(cancel, { key }), SUBJECT_CANCEL);
      expect(set.done()).toEqual(["j-1"]);
      await set.clock.until(set.agent.close());
    }
  });

  it(
    req("cap.trust.session", "takes nothing between a disconnect and the renewed session, and then again"),
    async () => {
      for (const mode of ["enforce", "warn"] as const) {
        const set = await make({ trust: { mode } });
        set.agent.job("job.echo", (data) => data);
        await set.agent.start();
        await set.clock.settle();
        const [first] = set.packets(SUBJECT_HEARTBEAT);
        set.say("reconnecting");
        await set.dispatch("away");
        set.local.trustFaults.push("silent");
        set.say("connected");
        await set.clock.settle();
        await set.dispatch("early");
        expect(set.done()).toEqual([]);
        await set.clock.advance(1_000);
        if (mode === "enforce") {
          expect(set.errors.at(-1)).toMatchObject({ code: "TRUST_UNAVAILABLE" });
          await set.dispatch("lost");
          expect(set.done()).toEqual([]);
          const before = set.packets(SUBJECT_HEARTBEAT).length;
          await set.clock.advance(900);
          expect(set.packets(SUBJECT_HEARTBEAT)).toHaveLength(before);
          await set.clock.advance(100); // it asks again by itself
        }
        await set.dispatch("again");
        expect(set.done()).toEqual(["again"]);
        expect(set.packets(SUBJECT_HANDSHAKE)).toHaveLength(2);
        const last = set.packets(SUBJECT_HEARTBEAT).at(-1)!;
        if (mode === "enforce") expect(last.authToken).not.toBe(first!.authToken);
        await set.clock.until(set.agent.close());
      }
    },
  );

  it(req("cap.trust.session", "a result that waits for a session leaves with the new token"), async () => {
    const set = await make();
    const end = gate<unknown>();
    set.agent.job("job.echo", () => end.opened);
    await set.agent.start();
    await set.dispatch("j-1");
    set.say("reconnecting");
    end.open(1);
    await set.clock.settle();
    expect(set.done()).toEqual([]);
    set.say("connected");
    await set.clock.advance(1_000);
    expect(set.done()).toEqual(["j-1"]);
    const [result] = set.packets(SUBJECT_RESULT);
    expect(result!.authToken).toBe(set.packets(SUBJECT_HEARTBEAT).at(-1)!.authToken);
    await set.clock.until(set.agent.close());
  });

  it(req("cap.trust.session", "gives jobs of a stream back while it may not take them"), async () => {
    let made: ReturnType<typeof stream> | undefined;
    const set = await make({
      durable: (bus) => {
        made = stream(bus);
        return made.durable;
      },
      tokenTtlMs: 10_000,
      trust: { retries: 1, timeoutMs: 100 },
    });
    set.agent.job("job.echo", (data) => data);
    await set.agent.start();
    set.say("reconnecting");
    await set.dispatch("j-1");
    expect(made!.told.filter((line) => line.startsWith("back"))).toEqual(["back 1 1000"]);
    set.say("connected");
    await set.clock.settle();
    await set.dispatch("j-2");
    expect(set.done()).toEqual(["j-2"]);
    set.local.trustFaults.push("silent", "silent");
    await set.clock.advance(9_500);
    expect(set.errors).toMatchObject([{ code: "TRUST_UNAVAILABLE" }]);
    const count = made!.told.length;
    await set.dispatch("j-3");
    expect(made!.told).toHaveLength(count); // it takes nothing from the stream any more
    await set.clock.until(set.agent.close());
  });

  it(
    req("cap.trust.session", "subscribes once, and has one heartbeat, whenever the connection comes back"),
    async () => {
      const blink = (set: Awaited<ReturnType<typeof make>>) => {
        set.say("reconnecting");
        set.say("connected");
      };
      for (const when of ["during the start", "twice in a row"]) {
        const set = await make({ heartbeatIntervalMs: 1_000 });
        let runs = 0;
        set.agent.job("job.echo", () => ++runs);
        const others = set.memory.subscriptionCount;
        const starting = set.agent.start();
        const hasToken = () => set.heard.some(({ subject }) => subject === SUBJECT_HANDSHAKE);
        for (let turn = 0; when === "during the start" && turn < 10_000 && !hasToken(); turn++)
          await Promise.resolve();
        if (when === "during the start") {
          expect(set.agent.state).toBe("starting");
          blink(set);
        }
        await starting;
        await set.clock.settle();
        if (when === "twice in a row")
          for (let i = 0; i < 3; i++) {
            blink(set);
            await Promise.resolve();
          }
        await set.clock.settle();
        expect(set.memory.subscriptionCount - others).toBe(3); // the topic, the direct subject, cancels
        const before = set.packets(SUBJECT_HEARTBEAT).length;
        for (let i = 0; i < 3; i++) await set.clock.advance(1_000);
        expect(set.packets(SUBJECT_HEARTBEAT)).toHaveLength(before + 3);
        await set.dispatch("direct", workerSubject("w-1"));
        expect([runs, set.done()]).toEqual([1, ["direct"]]);
        expect(set.errors.filter(({ code }) => code !== "TRUST_NO_SESSION")).toEqual([]);
        await set.clock.until(set.agent.close());
        expect(set.memory.subscriptionCount).toBe(others);
      }
    },
  );

  it(
    req("cap.trust.session", "leaves no heartbeat behind when it is closed while it comes back"),
    async () => {
      const held = gate<void>();
      let isHeld = false;
      const set = await make({ heartbeatIntervalMs: 1_000 });
      const { publish } = set.connection;
      set.connection.publish = async (subject, data, options) => {
        if (isHeld && subject === SUBJECT_HANDSHAKE) await held.opened;
        return publish(subject, data, options);
      };
      set.agent.job("job.echo", (data) => data);
      await set.agent.start();
      await set.clock.settle();
      set.say("reconnecting");
      set.local.trustFaults.push("silent");
      set.say("connected");
      await set.clock.advance(1_500); // trust is lost: no more heartbeats
      expect(set.errors.at(-1)).toMatchObject({ code: "TRUST_UNAVAILABLE" });
      isHeld = true;
      await set.clock.advance(1_000);
      await set.clock.until(set.agent.close());
      held.open();
      await set.clock.settle();
      const before = set.packets(SUBJECT_HEARTBEAT).length;
      const errors = set.errors.length;
      await set.clock.advance(5_000);
      expect([set.packets(SUBJECT_HEARTBEAT).length, set.errors.length]).toEqual([before, errors]);
    },
  );

  it(
    req("cap.trust.session", "has all its subscriptions again after one that failed amid them"),
    async () => {
      const set = await make({ trust: { mode: "warn" } });
      set.agent.job("job.echo", (data) => data).job("job.other", (data) => data);
      await set.agent.start();
      set.say("reconnecting");
      set.local.trustFaults.push("reject");
      set.say("connected");
      await set.clock.settle(); // trust is lost: nothing is subscribed to
      const { subscribe } = set.connection;
      let fails = 1;
      set.connection.subscribe = async (subject, ...more) => {
        if (subject !== "job.other" || fails-- <= 0) return subscribe(subject, ...more);
        set.say("reconnecting");
        throw new ConnectionError("the connection was lost");
      };
      set.say("reconnecting");
      set.say("connected");
      await set.clock.settle();
      set.say("connected");
      await set.clock.advance(1_000);
      await set.dispatch("j-1");
      await set.dispatch("j-2", workerSubject("w-1"));
      expect(set.done()).toEqual(["j-1", "j-2"]);
      await set.clock.until(set.agent.close());
    },
  );

  it("a start during which the connection is lost fails", async () => {
    const set = await make();
    set.agent.job("job.echo", (data) => data);
    const started = set.agent.start();
    await set.clock.settle();
    set.say("reconnecting");
    await expect(started.then(() => set.agent.state)).resolves.toBe("running");
    const other = await make({ heartbeat: () => ({}) });
    other.agent.job("job.echo", (data) => data);
    const starting = other.agent.start();
    for (let i = 0; i < 50 && !other.heard.some(({ subject }) => subject.endsWith("authenticate")); i++)
      await Promise.resolve();
    other.say("reconnecting");
    await expect(starting).rejects.toMatchObject({ code: "TRUST_UNAVAILABLE" });
    await set.clock.until(set.agent.close());
  });
});

describe("a worker that takes no part in worker trust", () => {
  it.each([
    ["enforce", undefined, "TRUST_CONFIG"],
    ["warn", undefined, "warned"],
    ["off", undefined, "silent"],
    ["", undefined, "INVALID_TRUST_MODE"],
    ["enforce", "", "TRUST_CONFIG"],
    ["enforce", "a-token", "silent"],
    ["warn", "a-token", "silent"],
  ] as const)(
    req("cap.trust.config", "holds to CORDUM_SDK_HANDSHAKE=%s with the token %s: %s"),
    async (mode, sessionToken, outcome) => {
      const { memory, logged } = await bench();
      const log = (message: string) => void logged.push(message);
      const logger = { debug: log, info: log, warn: log, error: log };
      const found = await runWorker({
        bus: memory.connect(),
        subject: "job.echo",
        handler: () => ({}),
        logger,
        sessionToken,
        env: { CORDUM_SDK_HANDSHAKE: mode },
      }).then(
        async (worker) => {
          await worker.close();
          return logged.some((line) => line.includes(`CORDUM_SDK_HANDSHAKE is ${mode}`))
            ? "warned"
            : "silent";
        },
        (error: AgentwireError) => error.code,
      );
      expect(found).toBe(outcome);
    },
  );
});

describe("an agent under CAP-PRODUCTION", () => {
  const identity = create(IdentityBindingSchema, { tenantId: "default", principalId: "p-1" });
  const dispatch = create(DispatchIdentitySchema, { dispatchId: "d-1", attempt: 3n });

  async function production(given: Parameters<typeof make>[0] = {}) {
    let memory: MemoryReplayStore | undefined;
    const replayStore: ReplayStore = { admit: (entry) => memory!.admit(entry) };
    const set = await make({ production: { replayStore }, ...given });
    memory = new MemoryReplayStore({ clock: set.clock });
    const seal = (packet: BusPacket, audience = "job.echo", key = set.key()) =>
      sealProduction({ ...packet, identity }, { key, keyId: "scheduler-key", audience, clock: set.clock });
    return { ...set, seal };
  }

  it(
    req(
      "cap.production.result",
      "seals results and progress for their subject, as the admitted request says",
    ),
    async () => {
      const set = await production();
      set.agent.job("job.echo", (data, ctx: AgentContext) => {
        ctx.progress({ percent: 50 });
        const { packet, request } = ctx as unknown as { packet: BusPacket; request: JobRequest };
        packet.identity!.tenantId = "evil"; // what a handler does to its packet changes nothing
        request.dispatch!.attempt = 9n;
        return data;
      });
      await set.agent.start();
      await set.publish(await set.seal(set.request("j-1", { dispatch })));
      expect(set.done()).toEqual(["j-1"]);
      const keys = keysById("keys", {
        "w-1-key": toSigningKey(set.workerTrust.proofPrivateKey).publicKeyPem,
      });
      for (const subject of [SUBJECT_RESULT, SUBJECT_PROGRESS]) {
        const [sent] = set.packets(subject);
        const trust = { audience: subject, tenantId: "default", senderId: "w-1", keys, clock: set.clock };
        const { packet } = await openProduction(encodePacket(sent!), trust).catch(() =>
          openProduction(encodePacket(sent!), trust),
        );
        expect(packet.identity).toEqual(identity);
        const { value } = packet.payload as { value: JobResult };
        expect([value.identity, value.dispatch]).toEqual([identity, dispatch]);
        expect(packet.authToken).not.toBe("");
      }
      await set.clock.until(set.agent.close());
    },
  );

  it(req("cap.production.admission", "admits each job once, and every refusal is an event"), async () => {
    const set = await production();
    let runs = 0;
    set.agent.job("job.echo", () => ++runs);
    await set.agent.start();
    const genuine = await set.seal(set.request("j-1"));
    await set.publish(genuine);
    await set.publish(genuine);
    await set.publish(await sealPacket(set.request("ordinary"), { key: set.key() }));
    await set.publish(await set.seal(set.request("elsewhere"), "job.other"));
    await set.publish(await set.seal(set.request("mirror", { tenantId: "t-2" })));
    await set.publish(
      await set.seal(set.request("stranger"), "job.echo", set.key(generateKeyPair().privateKeyPem)),
    );
    await set.publish(await set.seal(set.request("topic", { topic: "job.payroll" })));
    const late = await set.seal(set.request("late"));
    await set.clock.advance(240_000);
    await set.publish(late);
    expect([runs, set.done()]).toEqual([1, ["j-1"]]);
    const problems = set.refused.map(
      (error) => (error.details as { problem?: string }).problem ?? error.code,
    );
    expect(problems).toEqual([
      "replayed",
      "missing_metadata",
      "wrong_audience",
      "identity_mismatch",
      "wrong_signature",
      "JOB_INVALID_INPUT",
      "expired",
    ]);
    await set.clock.until(set.agent.close());
  });

  it(
    req("cap.production.result", "answers each dispatch of a job, and each tenant's and principal's own"),
    async () => {
      const set = await production({ concurrency: 8 });
      const end = gate<unknown>();
      let runs = 0;
      set.agent.job("job.echo", () => {
        runs++;
        return end.opened;
      });
      await set.agent.start();
      const first = create(DispatchIdentitySchema, { dispatchId: "d-1", attempt: 1n });
      const second = create(DispatchIdentitySchema, { dispatchId: "d-2", attempt: 2n });
      await set.publish(await set.seal(set.request("j-1", { dispatch: first })));
      await set.publish(await set.seal(set.request("j-1", { dispatch: second })));
      await set.publish(await set.seal(set.request("j-1", { dispatch: second }))); // joins
      const other = create(IdentityBindingSchema, { tenantId: "default", principalId: "p-2" });
      const sealed = await sealProduction(
        { ...set.request("j-1", { dispatch: second }), identity: other },
        { key: set.key(), keyId: "scheduler-key", audience: "job.echo", clock: set.clock },
      );
      await set.publish(sealed);
      end.open(1);
      await set.clock.settle();
      expect(runs).toBe(3);
      const answers = set
        .results()
        .map(({ dispatch: of, identity: who }) => [of?.dispatchId, who?.principalId]);
      expect(answers.sort()).toEqual([
        ["d-1", "p-1"],
        ["d-2", "p-1"],
        ["d-2", "p-2"],
      ]);
      await set.clock.until(set.agent.close());
    },
  );

  it(req("cap.production.result", "a stream keeps the result of each dispatch of a job"), async () => {
    let made: ReturnType<typeof stream> | undefined;
    const set = await production({
      durable: (bus) => {
        made = stream(bus);
        return made.durable;
      },
    });
    set.agent.job("job.echo", (data) => data);
    await set.agent.start();
    for (const dispatchId of ["d-1", "d-2"]) {
      const of = create(DispatchIdentitySchema, { dispatchId, attempt: 1n });
      await set.publish(await set.seal(set.request("j-1", { dispatch: of })));
    }
    const ids = made!.published.map(({ messageId }) => messageId);
    expect(ids.every((id) => id.startsWith("sys.job.result:j-1"))).toBe(true);
    expect([ids.length, new Set(ids).size]).toEqual([2, 2]);
    await set.clock.until(set.agent.close());
  });

  it(
    req("cap.production.result", "a scheduler takes the sealed result of its dispatch, and no other"),
    async () => {
      const set = await production();
      const end = gate<unknown>();
      set.agent.job("job.echo", () => end.opened);
      await set.agent.start();
      await set.clock.settle();
      const submitted = { ...set.request("j-1"), senderId: "client-1" };
      const sealed = await sealPacket(submitted, { key: set.key(client.privateKeyPem) });
      await set.publish(sealed, "sys.job.submit");
      const state = () => set.local.job("j-1")?.state;
      expect(state()).toBe("RUNNING");
      const key = set.key(set.workerTrust.proofPrivateKey);
      const { authToken } = set.packets(SUBJECT_HEARTBEAT).at(-1)!;
      const [sent] = set.packets("job.echo");
      const own = (sent!.payload.value as JobRequest).dispatch!;
      const answer = (more: object) => ({
        ...createPacket(
          {
            case: "jobResult",
            value: {
              jobId: "j-1",
              workerId: "w-1",
              status: 5,
              identity: sent!.identity,
              dispatch: own,
              ...more,
            },
          },
          { senderId: "w-1", clock: set.clock },
        ),
        identity: sent!.identity,
        authToken,
      });
      const options = { key, keyId: "w-1-key", audience: SUBJECT_RESULT, clock: set.clock };
      await set.publish(await sealPacket(answer({}), { key }), SUBJECT_RESULT); // an ordinary packet
      const stranger = { ...options, key: set.key(client.privateKeyPem) };
      await set.publish(await sealProduction(answer({}), stranger), SUBJECT_RESULT);
      await set.publish(await sealProduction(answer({ dispatch }), options), SUBJECT_RESULT);
      await set.publish(await sealProduction(answer({ dispatch: undefined }), options), SUBJECT_RESULT);
      expect(state()).toBe("RUNNING");
      end.open(1);
      await set.clock.settle();
      expect(state()).toBe("SUCCEEDED");
      await set.clock.until(set.agent.close());
    },
  );

  it(req("cap.production.result", "refers to the output by its digest, size, type and expiry"), async () => {
    const set = await production();
    set.agent.job("job.echo", (data) => data);
    await set.agent.start();
    await set.publish(await set.seal(set.request("j-1", { dispatch })));
    await set.publish(await set.seal(set.request("a%2Fb", { dispatch }))); // no URI of a reference has that
    const [result, odd] = set.results();
    expect(result).toMatchObject({
      resultPtr: "redis://res:j-1",
      resultRef: {
        resolverId: "redis",
        uri: "redis://res:j-1",
        mediaType: "application/json",
        purpose: "job.result",
        sizeBytes: 7n,
      },
    });
    const resources = new Resources({ redis: blobResolver(set.store) }, { clock: set.clock });
    expect(await resources.get(result!.resultRef!)).toEqual(text({ n: 1 }));
    await set.store.set("res:j-1", text({ n: 2 }));
    await expect(resources.get(result!.resultRef!)).rejects.toThrow("another SHA-256");
    const later = { clock: new FakeClock({ now: set.clock.now() + 86_400_000 }) };
    const over = new Resources({ redis: blobResolver(set.store) }, later).get(result!.resultRef!);
    await expect(over).rejects.toThrow("expiry");
    expect([odd!.status, odd!.resultPtr, odd!.resultRef]).toEqual([5, "redis://res:a%2Fb", undefined]);
    await set.clock.until(set.agent.close());
  });

  it(req("cap.production.admission", "no hook sees what a replay store throws of itself"), async () => {
    const secret = Object.assign(new Error("connect redis://user:hunter2@redis:6379 failed"), {
      command: ["AUTH", "hunter2"],
    });
    const set = await production({
      production: {
        replayStore: {
          admit: () => {
            throw secret;
          },
        },
      },
    });
    set.agent.job("job.echo", (data) => data);
    await set.agent.start();
    await set.publish(await set.seal(set.request("j-1")));
    expect(inspect(set.refused, { depth: 9, showHidden: true })).not.toContain("hunter2");
    expect((set.refused[0]!.cause as Error).message).toContain("redis:6379 failed");
    await set.clock.until(set.agent.close());
  });

  it(
    req("cap.production.admission", "a job is refused while the replay store does not respond, and not lost"),
    async () => {
      let made: ReturnType<typeof stream> | undefined;
      let down = true;
      let memory: MemoryReplayStore | undefined;
      const set = await production({
        production: {
          replayStore: {
            admit: async (entry) => {
              if (down) throw new Error("down");
              return memory!.admit(entry);
            },
          },
        },
        durable: (bus) => {
          made = stream(bus);
          return made.durable;
        },
      });
      memory = new MemoryReplayStore({ clock: set.clock });
      set.agent.job("job.echo", (data) => data);
      await set.agent.start();
      const genuine = await set.seal(set.request("j-1"));
      await set.publish(genuine);
      expect(set.refused).toMatchObject([
        { retryable: true, details: { problem: "replay_store_unavailable" } },
      ]);
      expect(made!.told).toContain("back 1 1000");
      down = false;
      await set.publish(genuine);
      expect(set.done()).toEqual(["j-1"]);
      await set.publish(genuine);
      expect(made!.told.some((line) => line.startsWith("drop 3 the packet was admitted before"))).toBe(true);
      made!.setAttempt(2, "S:3");
      await set.publish(genuine); // another message of the stream stays a replay, however often it comes
      expect(made!.told.some((line) => line.startsWith("drop 4 the packet was admitted before"))).toBe(true);
      made!.setAttempt(2, "S:2");
      await set.publish(genuine); // the stream delivers it again: no replay
      expect(made!.told.some((line) => line.startsWith("drop 5"))).toBe(false);
      await set.clock.until(set.agent.close());
    },
  );

  it(
    req("cap.production.resource", "reads the input behind a structured reference, if it is what it says"),
    async () => {
      const set = await production();
      const inputs: unknown[] = [];
      set.agent.job("job.echo", (data) => void inputs.push(data));
      await set.agent.start();
      const resources = new Resources({ redis: blobResolver(set.store) }, { clock: set.clock });
      const put = {
        resolverId: "redis",
        name: "ctx:2",
        mediaType: "application/json",
        purpose: "job.context",
      };
      const contextRef = await resources.put(text({ by: "reference" }), put);
      const publish = async (jobId: string, more: JobRequestInit) =>
        set.publish(await set.seal(set.request(jobId, { contextPtr: "redis://ctx:2", contextRef, ...more })));
      await publish("good", {});
      await publish("alone", { contextPtr: "" });
      await publish("beside", { contextPtr: "redis://ctx:1" });
      await publish("digest", { contextRef: { ...contextRef, sha256: new Uint8Array(32) } });
      await publish("gone", { contextPtr: "", contextRef: { ...contextRef, uri: "redis://gone" } });
      expect(inputs).toEqual([{ by: "reference" }, { by: "reference" }]);
      expect(set.results().map(({ jobId, errorMessage }) => [jobId, errorMessage])).toEqual([
        ["good", ""],
        ["alone", ""],
        ["beside", "context reference: legacy and structured references differ"],
        ["digest", "context reference: resource has another SHA-256 than its reference"],
        ["gone", "context not found"],
      ]);
      await set.clock.until(set.agent.close());
    },
  );

  it(req("cap.production.admission", "requires enforced trust"), async () => {
    for (const trust of [{ mode: "warn" as const }]) {
      const set = await production({ trust });
      set.agent.job("job.echo", (data) => data);
      await expect(set.agent.start()).rejects.toMatchObject({ code: "TRUST_CONFIG" });
    }
    const set = await production({ workerTrust: { mode: "off" } });
    set.agent.job("job.echo", (data) => data);
    await expect(set.agent.start()).rejects.toThrow("production requires `workerTrust`");
    const worker = { bus: set.memory.connect(), subject: "job.echo", handler: () => ({}) };
    const trusted = { ...worker, workerTrust: set.workerTrust };
    await expect(runWorker(trusted)).rejects.toMatchObject({ code: "TRUST_CONFIG" });
  });

  it.each<[string, Partial<ProductionOptions>, string]>([
    ["no replay store", { replayStore: undefined as unknown as ReplayStore }, "requires a replayStore"],
    ["a life that is too long", { lifetimeMs: 600_000 }, "lifetimeMs must be a number above 0"],
    [
      "a resolver that nothing can name",
      { resolvers: { "My Store": blobResolver(new InMemoryBlobStore()) } },
      "resolver configuration",
    ],
    ["no life", { lifetimeMs: Number.NaN }, "lifetimeMs must be a number above 0"],
    ["a life in a text", { lifetimeMs: "240000" as unknown as number }, "lifetimeMs must be"],
    ["a skew in a text", { clockSkewMs: "5000" as unknown as number }, "clockSkewMs must be"],
    ["a limit in a text", { maxLifetimeMs: "300000" as unknown as number }, "maxLifetimeMs must be"],
  ])(req("cap.production.admission", "does not start with %s"), async (_name, wrong, message) => {
    const set = await make({ production: { replayStore: new MemoryReplayStore(), ...wrong } });
    set.agent.job("job.echo", (data) => data);
    await expect(set.agent.start()).rejects.toThrow(message);
  });

  it(req("cap.production.admission", "a packet stays a replay when the clock is set back"), async () => {
    const set = await production({ tokenTtlMs: 900_000 });
    let runs = 0;
    set.agent.job("job.echo", () => ++runs);
    await set.agent.start();
    const genuine = await set.seal(set.request("j-1"));
    await set.publish(genuine);
    const shift = async (ms: number) => {
      set.clock.shiftWallClock(ms);
      await set.clock.settle();
    };
    await shift(270_000); // it has expired, and is forgotten when another one comes
    await set.publish(await set.seal(set.request("j-2")));
    await shift(-50_000);
    await set.publish(genuine);
    expect([runs, set.refused.map(({ details }) => details)]).toEqual([2, [{ problem: "replayed" }]]);
    await set.clock.until(set.agent.close());
  });

  it(
    req("cap.production.result", "a result that cannot be sent is replaced by one for the same dispatch"),
    async () => {
      const set = await production();
      set.agent.job("job.echo", (data) => data);
      await set.agent.start();
      const jobId = "j".repeat(600_000); // which a result says twice, and then has more bytes than the profile allows
      await set.publish(await set.seal(set.request(jobId, { dispatch })));
      await set.clock.advance(1_000);
      const [result] = set.results();
      expect(result?.errorMessage).toBe("result cannot be sent");
      expect([result?.identity, result?.dispatch]).toEqual([identity, dispatch]);
      await set.clock.until(set.agent.close());
    },
  );

  it(req("cap.production.admission", "holds for every topic, whatever its name begins with"), async () => {
    const set = await production();
    set.agent.job("sys.work", (data) => data);
    await set.agent.start();
    await set.dispatch("ordinary", "sys.work");
    expect(set.agent.stats).toMatchObject({ received: 1, refused: 1, runs: 0 });
    await set.clock.until(set.agent.close());
  });
});
