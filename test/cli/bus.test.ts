/** submit and tap against a real server, and tap on captures. */

import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { DecisionType } from "../../gen/cap/index.js";
import { FileBlobStore } from "../../src/cap/file/index.js";
import {
  type Bus,
  generateKeyPair,
  InvalidInputError,
  keyFromPointer,
  pointerFor,
  runWorker,
} from "../../src/cap/index.js";
import { connectNats } from "../../src/cap/nats/index.js";
import { parseCapture } from "../../src/cli/inspector/record.js";
import { LocalScheduler } from "../../src/testing/index.js";
import { negative, packets } from "../cap/vectors.ts";
import { describeWithPeers, natsServer, redisServer } from "../peers/ladder.ts";
import { freePort, startNats, startRedis } from "../peers/processes.ts";
import { req } from "../requirements/index.ts";
import { collect, file, folder, json, run, said, spawnCli } from "./cli.ts";

const keys = join(import.meta.dirname, "../vectors/cap/keys");
const lines = parseCapture;

describe("tap of a capture", () => {
  const all = [...packets.slice(0, 45), ...negative].map(({ packet_b64 }, at) => ({
    ...{ seq: at + 1, at: "2026-01-02T03:04:05.678Z", mono: at, type: "message", protocol: "cap" },
    op: at < 45 ? "sys.job.submit" : "job.x",
    raw: packet_b64,
  }));
  const capture = file("capture.jsonl", all.map((line) => `${JSON.stringify(line)}\n`).join(""));

  it(req("cli.tap.capture", "shows each message once, in order, as line or as JSON"), async () => {
    const { code, out } = await run(["tap", "--from", capture, "--json", "--raw"]);
    expect(code).toBe(0);
    expect(lines(out).map(({ raw }) => raw)).toEqual(all.map(({ raw }) => raw));
    expect(JSON.parse(out.slice(0, out.indexOf("\n")))).toMatchObject({
      v: 1,
      type: "capture",
      masked: true,
    });
    const text = await run(["tap", "--from", "-"], { input: out });
    expect(text.out.trimEnd().split("\n")).toHaveLength(all.length);
    expect(text.out).toMatch(/^03:04:05\.678 {2}sys\.job\.submit /);
  });

  it(req("cli.tap", "filters by subject, job, sender, payload and verdict"), async () => {
    const tap = async (...argv: string[]) => {
      const { out } = await run(["tap", ...argv, "--from", capture, "--json"]);
      return out === "" ? [] : lines(out);
    };
    expect(await tap("sys.>")).toHaveLength(45);
    expect(await tap("sys.*")).toHaveLength(0);
    const jobId = "job-180858bf6434";
    expect((await tap("--job", jobId)).map(({ ids }) => ids?.job)).toContain(jobId);
    const results = await tap("--kind", "jobResult");
    expect(new Set(results.map(({ kind }) => kind))).toEqual(new Set(["jobResult"]));
    expect(new Set((await tap("--sender", "client-1")).map(({ from }) => from))).toEqual(
      new Set(["client-1"]),
    );
    const key = ["--key", `client-1=${keys}/client.pub.pem`];
    const refused = await tap("--refused", "job.x", "--sender", "client-1", ...key);
    expect(refused.map(({ sig }) => sig?.verdict)).toContain("token_changed");
    expect(refused.filter(({ sig, code }) => sig?.verdict === "verified" && code !== "broken_rule")).toEqual(
      [],
    );
    expect((await tap("--count", "3")).length).toBe(3);
    expect((await run(["tap", "--from", capture, "--job", "none", "--count", "1"])).code).toBe(1);
    const odd = await run(["tap", "--from", capture, "--kind", "jobRequests"]);
    expect([odd.code, odd.err]).toEqual([2, expect.stringContaining("Allowed choices are jobRequest, ")]);
    const other = await run(["tap", "--from", file("x", '{"a":1}')]);
    expect([other.code, other.err]).toEqual([1, expect.stringContaining("line 1 is not a record")]);
  });

  it("has no data unless it is asked for, and no secrets", async () => {
    const { out } = await run(["tap", "--from", capture, "--json"]);
    expect(lines(out).every(({ raw }) => raw === undefined)).toBe(true);
    const token = Buffer.from(negative.find(({ name }) => name === "auth_token_added")!.packet_b64, "base64");
    const shown = await json(["decode", token.toString("base64"), "--show-secrets"]);
    const { authToken } = (shown.result as { fields: { authToken: string } }).fields;
    expect(out).not.toContain(authToken);
  });
});

describe("submit without a server", () => {
  it(req("cli.submit", "says what is missing: exit 2; that nobody is there: exit 3"), async () => {
    const nats = ["--nats", `nats://127.0.0.1:${await freePort()}`];
    const cases: [string[], number, string][] = [
      [[], 2, "missing required argument 'topic'"],
      [["job.x", "--input", "{}"], 2, "--input requires a store"],
      [
        ["job.x", "--input", "{}", "--context-ptr", "redis://a"],
        2,
        "use only one of --input, --input-file and --context-ptr",
      ],
      [["job.x", "--label", "nonsense"], 2, "option '--label <name=value>' argument 'nonsense' is invalid"],
      [["job.x", "--timeout-ms", "soon"], 2, "option '--timeout-ms <n>' argument 'soon' is invalid"],
      [["job.x", "--input", "{", "--store-dir", folder()], 1, "not valid JSON"],
      [["job.x", "--trust", `${keys}/client.pub.pem`], 1, "--trust SENDER=PEM"],
      [["job.x", ...nats], 3, "[CONNECTION]"],
      [["job.x", ...nats, "--json"], 3, '"exitCode": 3'],
    ];
    for (const [argv, code, text] of cases) {
      const outcome = await run(["submit", ...argv]);
      expect([outcome.code, outcome.err], argv.join(" ")).toEqual([code, expect.stringContaining(text)]);
    }
    const tap = await run(["tap", "--timeout-ms", "5", ...nats]);
    expect([tap.code, tap.err]).toEqual([3, expect.stringContaining("[CONNECTION]")]);
  });

  it("never shows the password of a URL", async () => {
    const url = `nats://me:planted-pass-81@127.0.0.1:${await freePort()}`;
    const redis = `redis://:planted-pass-82@127.0.0.1:${await freePort()}`;
    for (const argv of [
      ["--nats", url],
      ["--input", "{}", "--redis", redis],
    ]) {
      const { code, out, err } = await run(["submit", "job.x", ...argv]);
      expect(code).toBe(3);
      expect(out + err).not.toContain("planted");
    }
  });
});

await describeWithPeers("submit and tap over a real server", [natsServer], ([path]) => {
  let server: Awaited<ReturnType<typeof startNats>>;
  const buses: Bus[] = [];
  const stops: (() => Promise<void>)[] = [];
  const open = async () => {
    const bus = await connectNats({ servers: server.url, env: {} });
    buses.push(bus);
    return bus;
  };
  const pairs = { client: generateKeyPair(), worker: generateKeyPair(), scheduler: generateKeyPair() };
  const publicKeys = {
    client: pairs.client.publicKeyPem,
    worker: pairs.worker.publicKeyPem,
    "cordum-scheduler": pairs.scheduler.publicKeyPem,
  };
  const trust = ["worker", "cordum-scheduler"].flatMap((name) => [
    "--trust",
    `${name}=${file("k.pem", publicKeys[name as keyof typeof publicKeys])}`,
  ]);
  const key = file("client.pem", pairs.client.privateKeyPem);
  const store = folder();
  beforeAll(async () => {
    server = await startNats(path!);
    const scheduler = await LocalScheduler.start({
      bus: await open(),
      publicKeys,
      privateKey: pairs.scheduler.privateKeyPem,
      safety: ({ topic }) => ({
        decision: topic === "job.denied" ? DecisionType.DENY : DecisionType.ALLOW,
      }),
    });
    stops.push(() => scheduler.close());
    const files = new FileBlobStore({ folder: store });
    const worker = await runWorker({
      bus: await open(),
      subject: "job.shout",
      senderId: "worker",
      privateKey: pairs.worker.privateKeyPem,
      publicKeys,
      exposeErrors: true,
      handler: async ({ jobId, contextPtr }) => {
        const { text } = JSON.parse(
          new TextDecoder().decode(await files.get(keyFromPointer(contextPtr))),
        ) as {
          text: string;
        };
        if (text === "bad") throw new InvalidInputError("bad text");
        await files.set(
          `res:${jobId}`,
          new TextEncoder().encode(JSON.stringify({ text: text.toUpperCase() })),
        );
        return { resultPtr: pointerFor(`res:${jobId}`) };
      },
    });
    stops.push(() => worker.close());
  });
  afterAll(async () => {
    for (const stop of stops.reverse()) await stop();
    for (const bus of buses) await bus.close();
    await server.stop();
  });
  const signed = () => [
    "--nats",
    server.url,
    "--store-dir",
    store,
    "--sender",
    "client",
    "--key",
    key,
    ...trust,
  ];

  it(req("cli.submit", "a signed job: output printed, exit 0"), async () => {
    const argv = ["submit", "job.shout", ...signed(), "--job-id", "j-1", "--label", "a=b"];
    const { code, result } = await json([...argv, "--input", '{"text":"hello"}']);
    expect([code, result]).toEqual([
      0,
      expect.objectContaining({
        jobId: "j-1",
        status: "SUCCEEDED",
        workerId: "worker",
        output: { text: "HELLO" },
      }),
    ]);
    const piped = await run([...argv.slice(0, -4), "--input-file", "-"], {
      input: '{"text":"piped"}',
      color: true,
    });
    expect(piped.out).toContain("\u001b[32mSUCCEEDED");
    expect(piped.out).toContain('"text": "PIPED"');
  });

  it(req("cli.submit", "a job that fails, is denied, or does not end: exit 1"), async () => {
    const failed = await json(["submit", "job.shout", ...signed(), "--input", '{"text":"bad"}']);
    expect([failed.code, failed.result]).toEqual([
      1,
      expect.objectContaining({ status: "FAILED", error: expect.stringContaining("bad text") }),
    ]);
    const denied = await run(["submit", "job.denied", ...signed()]);
    expect([denied.code, denied.out]).toEqual([1, expect.stringContaining("DENIED")]);
    const never = await run(["submit", "job.nobody", ...signed(), "--timeout-ms", "150", "--cancel"]);
    expect([never.code, never.out]).toEqual([1, expect.stringContaining("NO RESULT")]);
    const published = await json(["submit", "job.nobody", ...signed(), "--no-wait"]);
    expect([published.code, published.result]).toEqual([0, expect.objectContaining({ status: "PUBLISHED" })]);
  });

  it(req("cli.submit", "Ctrl-C ends the wait: exit 130"), async () => {
    const bus = await open();
    const heard = new Promise<void>((resolve) => {
      void bus.subscribe("sys.job.submit", () => resolve());
    });
    await bus.flush();
    const child = spawnCli(["submit", "job.nobody", "--nats", server.url]);
    const outcome = collect(child);
    await heard;
    child.kill("SIGINT");
    expect(await outcome).toMatchObject({
      code: 130,
      err: expect.stringMatching(/^stopped waiting for job-\S+: it may still run/m),
    });
  });

  it(req("cli.tap", "shows a job live: submitted, dispatched, answered, all verified"), async () => {
    const keys = Object.entries(publicKeys).flatMap(([name, pem]) => [
      "--key",
      `${name}=${file("k.pem", pem)}`,
    ]);
    const child = spawnCli([
      "tap",
      "--nats",
      server.url,
      "--job",
      "live-1",
      "--json",
      "--raw",
      "--count",
      "3",
      ...keys,
    ]);
    const outcome = collect(child);
    await said(child, "listening to");
    await run(["submit", "job.shout", ...signed(), "--job-id", "live-1", "--input", '{"text":"x"}']);
    const { code, out } = await outcome;
    expect(code).toBe(0);
    const records = out.trim().split("\n");
    expect(lines(records.join("\n")).map(({ op, from, sig }) => [op, from, sig?.verdict])).toEqual([
      ["sys.job.submit", "client", "verified"],
      ["job.shout", "cordum-scheduler", "verified"],
      ["sys.job.result", "worker", "verified"],
    ]);
    // A line of the capture is input for the other commands.
    const again = await run(["verify", "-", ...keys.slice(0, 2)], { input: records[1]! });
    expect([again.code, again.out]).toEqual([0, expect.stringContaining("verified")]);
  });

  it(req("cli.tap", "tells of what is no packet, ends at Ctrl-C with 0 and at its time"), async () => {
    const child = spawnCli(["tap", "job.>", "--nats", server.url]);
    const outcome = collect(child);
    await said(child, "listening to job.>");
    const bus = await open();
    const shown = said(child, "malformed");
    await bus.publish("job.odd", new TextEncoder().encode("hello"));
    await shown;
    child.kill("SIGINT");
    expect((await outcome).code).toBe(0);
    const timed = ["tap", "none.here", "--nats", server.url, "--timeout-ms", "30"];
    expect((await run(timed)).code).toBe(0);
    expect((await run([...timed, "--count", "1"])).code).toBe(1);
  });
});

await describeWithPeers("submit with a store in Redis", [natsServer, redisServer], ([nats, redis]) => {
  it(req("cli.submit", "keeps the input and finds the output in Redis"), async () => {
    const [server, kept] = [await startNats(nats!), await startRedis(redis!)];
    const bus = await connectNats({ servers: server.url, env: {} });
    const scheduler = await LocalScheduler.start({ bus });
    const worker = await runWorker({
      bus,
      subject: "job.echo",
      handler: ({ contextPtr }) => ({ resultPtr: contextPtr }),
    });
    const env = { NATS_URL: server.url, REDIS_URL: kept.url };
    const { code, result } = await json(["submit", "job.echo", "--input", "[1]"], { env });
    expect([code, result]).toEqual([0, expect.objectContaining({ output: [1] })]);
    await worker.close();
    await scheduler.close();
    await bus.close();
    await kept.stop();
    await server.stop();
  });
});
