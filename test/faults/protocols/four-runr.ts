/** Calls of tools through a gateway that fails: mails are sent once, and what is said about a failed one is true. */
import { setTimeout as pause } from "node:timers/promises";
import { GatewayClient, GatewayError } from "../../../src/4runr/index.js";
import { Local4Runr } from "../../../src/testing/index.js";
import { startProxy } from "../proxy.ts";
import { between, type Random } from "../random.ts";
import { JumpingClock, type Protocol } from "../script.ts";
import { httpFaults, RetryTimes } from "./http.ts";

export const fourRunr: Protocol = {
  name: "4runr",
  async open(_, cleanups) {
    const clock = new JumpingClock();
    /** How often each mail and each search was carried out. */
    const done = new Map<string, number>();
    const carryOut = (what: string) => done.set(what, (done.get(what) ?? 0) + 1);
    const times = new RetryTimes();
    const gateway = await Local4Runr.start({
      logger: false,
      observe: (seen) => {
        if (seen.type === "request") times.sent(seen.headers["x-correlation-id"] ?? "");
      },
      rateLimit: { calls: 1_000_000 },
      breaker: { failures: 1_000_000 },
      tools: {
        serpapi: {
          search: ({ q }) => {
            carryOut(`search ${q}`);
            return { query: q };
          },
        },
        gmail_send: {
          send: ({ to, subject }) => {
            carryOut(String(subject));
            return { to, id: `id of ${subject}` };
          },
        },
      },
    });
    cleanups.push(() => gateway.close());
    const link = await startProxy(Number(new URL(gateway.url).port));
    cleanups.push(() => link.stop());
    const { agentId, privateKeyPem } = await gateway.register();
    const connect = (graceMs: number) =>
      new GatewayClient({
        baseUrl: `http://127.0.0.1:${link.port}`,
        agentId,
        clock,
        graceMs,
        timeoutMs: 5_000,
        retry: { attempts: 4, minDelayMs: 5, maxDelayMs: 50 },
        waitForLimits: true,
        logger: false,
      });
    const client = connect(5_000);
    client.on("retry", ({ error, correlationId }) => {
      const { retryAfterMs } = error as { retryAfterMs?: number };
      if (retryAfterMs !== undefined) times.asked(correlationId ?? "", retryAfterMs);
    });
    cleanups.push(() => client.close());

    const counts = { succeeded: 0, failed: 0 };
    const broken = { wrong: 0, untyped: 0, deniedButDone: 0, lost: 0 };
    const mail = (subject: string, idempotencyKey?: string) =>
      client
        .proxy(
          "gmail_send",
          "send",
          { to: "a@example.test", subject, body: "x", text: "x" },
          idempotencyKey === undefined ? {} : { idempotencyKey },
        )
        .then(
          ({ id }) => {
            counts.succeeded++;
            if (id !== `id of ${subject}`) broken.wrong++;
            if (!done.has(subject)) broken.lost++;
          },
          (error: unknown) => failed(error, done.has(subject)),
        );
    const failed = async (error: unknown, wasDone: boolean) => {
      counts.failed++;
      if (!(error instanceof GatewayError)) broken.untyped++;
      else if (error.sent === false && wasDone) broken.deniedButDone++;
      await pause(10); // a server that is down must not use up all the work
    };
    const search = (q: string) =>
      client.proxy("serpapi", "search", { q }).then(
        (result) => {
          counts.succeeded++;
          if ((result as { query?: unknown }).query !== q) broken.wrong++;
          if (!done.has(`search ${q}`)) broken.lost++;
        },
        (error: unknown) => failed(error, false),
      );

    return {
      faults: {
        ...httpFaults(gateway, link, clock),
        "server restarts": async (random: Random) => {
          await gateway.restart({ downMs: between(random, 0, 100) });
          await gateway.register({ agentId, privateKeyPem }); // it forgets everything
        },
      },
      async work(n, random) {
        const kind = random();
        if (kind < 0.5) await search(`q ${n}`);
        else if (kind < 0.8) await mail(`mail ${n}`);
        else await Promise.all([mail(`mail ${n}`, `key ${n}`), mail(`mail ${n}`, `key ${n}`)]);
      },
      async stop(n, random) {
        const one = connect(between(random, 0, 20));
        const aborting = new AbortController();
        const { signal } = aborting;
        const calls = [0, 1, 2].map((i) =>
          i === 0
            ? one.proxy("serpapi", "search", { q: `stop ${n}` }, { signal })
            : one.proxy("gmail_send", "send", { to: "a@example.test", subject: `stop ${n} ${i}`, body: "x" }),
        );
        const settled = calls.map((call) =>
          call.then(
            () => {},
            () => {},
          ),
        );
        await pause(between(random, 0, 8));
        if (random() < 0.5) aborting.abort();
        await one.close();
        return settled;
      },
      async verdict() {
        gateway.faults.clear();
        await pause(500); // the last delayed answer
        const last = await client.proxy("serpapi", "search", { q: "last" }).then(
          () => 0,
          () => 1,
        );
        const mailedTwice = [...done].filter(([what, times]) => what.startsWith("mail") && times > 1).length;
        const { tooEarly, waited } = times;
        return {
          broken: { ...broken, mailedTwice, tooEarly, deafAtTheEnd: last },
          counts: { ...counts, waited },
        };
      },
    };
  },
};
