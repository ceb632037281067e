import { readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { runWorker } from "../../src/cap/index.js";
import { connectNats } from "../../src/cap/nats/index.js";
import { createPacket, encodePacket } from "../../src/cap/packet.js";
import type { Check } from "../../src/cli/doctor/check.js";
import { SUPPORTED_NODE } from "../../src/cli/doctor/supported-node.js";
import { Local4Runr, LocalAureus, LocalBigBrain } from "../../src/testing/index.js";
import { describeWithPeers, natsServer, redisServer } from "../peers/ladder.ts";
import { freePort, startNats, startRedis } from "../peers/processes.ts";
import { req } from "../requirements/index.ts";
import { file, json, run } from "./cli.ts";

const keys = join(import.meta.dirname, "../vectors/cap/keys");
const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function doctor(argv: readonly string[], env: Record<string, string> = {}) {
  const { code, out, err, result } = await json(["doctor", ...argv], { env });
  expect(err).toBe("");
  const { checks } = result as { checks: Check[] };
  return {
    code,
    out,
    of: (area: Check["area"], what?: string) =>
      checks.filter((check) => check.area === area && (what === undefined || check.what === what)),
  };
}

const unsigned = (claims: object) => `e30.${Buffer.from(JSON.stringify(claims)).toString("base64url")}.x`;

describe("doctor", () => {
  it.each([
    ["off", "ok", "off"],
    ["warn", "warn", "starts only with `workerTrust`, and asks for a session"],
    ["Enforce", "warn", "starts only with `workerTrust`, and only with a session"],
    ["on", "fail", "an agent does not start: worker trust mode must be off, warn or enforce"],
  ])(
    req("cli.doctor", "says what an agent does with CORDUM_SDK_HANDSHAKE=%s"),
    async (mode, status, text) => {
      const found = await doctor([], { CORDUM_SDK_HANDSHAKE: mode });
      expect(found.of("env", "CORDUM_SDK_HANDSHAKE")).toMatchObject([
        { status, text: expect.stringContaining(text) },
      ]);
    },
  );

  it(req("cli.doctor", "all is well with the counterparts: exit 0"), async () => {
    const token = unsigned({ exp: Math.floor(Date.now() / 1_000) + 600 });
    const brain = await LocalBigBrain.start({ tokens: [token] });
    const aureus = await LocalAureus.start();
    const gateway = await Local4Runr.start();
    ends.push(
      () => brain.close(),
      () => aureus.close(),
      () => gateway.close(),
    );
    const { env } = await gateway.register();
    const found = await doctor([], {
      ...env,
      AUREUS_URL: aureus.url,
      BIGBRAIN_GATEWAY_URL: brain.url,
      BIGBRAIN_TOKEN: token,
    });
    expect(found.code).toBe(0);
    expect(found.of("aureus")[0]).toMatchObject({
      status: "ok",
      text: expect.stringContaining("V1 and console"),
    });
    expect(found.of("4runr").map(({ status }) => status)).toEqual(["ok", "ok"]);
    expect(found.of("neuron").map(({ status }) => status)).toEqual(["ok", "ok"]);
    expect(found.of("neuron", "token")[0]!.text).toMatch(/^valid for \d+ s$/);
    expect(found.of("clock").map(({ status }) => status)).toEqual(["ok", "ok", "ok"]);
    expect(found.of("nats")[0]!.status).toBe("skip");
    expect(found.of("env", "BIGBRAIN_TOKEN")[0]!.text).toBe(`[secret], ${token.length} characters`);
    expect(found.out).not.toContain(token);
    expect(found.out).not.toContain(env.AGENT_PRIVATE_KEY!.split("\n")[1]);
  });

  it(req("cli.doctor.harmless", "opens a stream under an id of its own and registers nothing"), async () => {
    const brain = await LocalBigBrain.start();
    ends.push(() => brain.close());
    const gone = brain.until("disconnected");
    await doctor(["--neuron", brain.url], { BIGBRAIN_TOKEN: "t", BIGBRAIN_NEURON_ID: "mine" });
    expect((await gone).neuronId).toMatch(/^agentwire-doctor-/);
    const seen = brain.requests.map(({ method, path }) => `${method} ${path}`);
    expect(seen).toEqual([expect.stringMatching(/^GET \/neuron\/events\?neuronId=agentwire-doctor-/)]);
  });

  it(req("cli.doctor", "tokens: refused, over, missing"), async () => {
    const brain = await LocalBigBrain.start({ tokens: ["good"] });
    ends.push(() => brain.close());
    const neuron = ["--neuron", brain.url];
    const refused = await doctor(neuron, { BIGBRAIN_TOKEN: "bad" });
    expect([refused.code, refused.of("neuron", "gateway")[0]!.status]).toEqual([3, "fail"]);
    const over = await doctor(neuron, { BIGBRAIN_TOKEN: unsigned({ exp: 1 }) });
    expect(over.of("neuron", "token")[0]).toMatchObject({
      status: "fail",
      text: expect.stringContaining("expired"),
    });
    const path = file("token", "good\n");
    expect((await doctor(neuron, { BIGBRAIN_TOKEN_FILE: path })).code).toBe(0);
    const lost = await doctor(neuron, { BIGBRAIN_CREDENTIAL_FILE: "/no/such/file" });
    expect([lost.code, lost.of("neuron", "token")[0]!.status]).toEqual([3, "fail"]);
  });

  it("a role requires a NATS server: exit 1 without one", async () => {
    const found = await doctor(["--role", "worker"]);
    expect(found.code).toBe(1);
    expect(found.of("nats")[0]).toMatchObject({
      status: "fail",
      text: "not configured: NATS_URL or --nats URL, for --role worker",
    });
  });

  it(req("cli.doctor", "servers that are away or something else: exit 3 and 1"), async () => {
    const port = await freePort();
    const away = `127.0.0.1:${port}`;
    const found = await doctor([], {
      NATS_URL: `nats://me:planted-91@${away}`,
      REDIS_URL: `redis://:planted-92@${away}/0`,
      BIGBRAIN_GATEWAY_URL: `http://${away}`,
      BIGBRAIN_TOKEN: "t",
      AUREUS_URL: `http://${away}`,
      GATEWAY_URL: `http://${away}`,
    });
    expect(found.code).toBe(3);
    for (const area of ["nats", "redis", "neuron", "aureus", "4runr"] as const) {
      const bad = found.of(area).filter(({ status }) => status === "fail");
      expect(bad, area).toEqual([expect.objectContaining({ unreachable: true, advice: expect.any(String) })]);
    }
    expect(found.out).not.toContain("planted");
    const other = await listen("<html>hello</html>", "text/html");
    const wrong = await doctor(["--aureus", other, "--4runr", other, "--neuron", other], {
      BIGBRAIN_TOKEN: "t",
    });
    expect(wrong.code).toBe(1);
    expect(wrong.of("aureus")[0]!.advice).toBe("the URL is not that of an Aureus server");
    expect(wrong.of("4runr")[0]!.advice).toBe("the URL is not that of a 4Runr gateway");
    expect(wrong.of("neuron", "gateway")[0]!.advice).toBe("the URL is not that of a BigBrain gateway");
  });

  it(req("cli.doctor", "clocks that are apart"), async () => {
    for (const [aheadS, status] of [
      [0, "ok"],
      [20, "warn"],
      [-20, "warn"],
      [3_600, "fail"],
    ] as const) {
      const url = await listen("{}", "application/json", aheadS);
      const { of } = await doctor(["--4runr", url], { AGENT_ID: "a" });
      expect(of("clock")[0], String(aheadS)).toMatchObject({ status });
    }
  });

  it("gives up on a server that does not answer, and follows no redirect", async () => {
    const silent = createServer(() => {});
    const url = await open(silent);
    const found = await doctor(["--4runr", url, "--timeout-ms", "50"]);
    expect([found.code, found.of("4runr", "gateway")[0]!.text]).toEqual([
      3,
      expect.stringContaining("50 ms"),
    ]);
    let reached = false;
    const target = await open(
      createServer((_, response) => {
        reached = true;
        response.end("{}");
      }),
    );
    const moved = await open(
      createServer((_, response) => response.writeHead(302, { location: target }).end()),
    );
    const redirected = await doctor(["--neuron", moved], { BIGBRAIN_TOKEN: "planted-93" });
    expect([redirected.code, reached]).toEqual([1, false]);
  });

  it(
    req("cli.doctor", "keys that are no keys, belong to somebody else, or can be read by others"),
    async () => {
      const pem = readFileSync(join(keys, "client.pkcs8.pem"), "utf8");
      const mine = file("k.pem", pem);
      const pair = (name: string) => [
        "--key",
        mine,
        "--sender",
        "client-1",
        "--trust",
        `client-1=${keys}/${name}.pub.pem`,
      ];
      const good = await doctor(pair("client"));
      expect(good.of("keys", "pair")[0]!.status).toBe("ok");
      expect(good.of("keys", "private key")[0]).toMatchObject({
        status: "warn",
        advice: `chmod 600 ${mine}`,
      });
      const other = await doctor(pair("worker"));
      expect([other.code, other.of("keys", "pair")[0]!.status]).toEqual([1, "fail"]);
      const bad = await doctor(["--key", `${keys}/client.pub.pem`, "--trust", `a=${keys}/p384.pub.pem`]);
      expect(bad.of("keys").map(({ status }) => status)).toEqual(["fail", "fail"]);
      const agent = await doctor([], { AGENT_PRIVATE_KEY: "/no/such/key.pem" });
      expect(agent.of("keys", "AGENT_PRIVATE_KEY")[0]!.status).toBe("fail");
      expect(good.out + bad.out).not.toContain(pem.split("\n")[1]);
    },
  );

  it(req("cli.doctor", "variables that make no sense"), async () => {
    const { code, of, out } = await doctor([], {
      AGENT_ID: '"quoted"',
      NATS_TLS_INSECURE: "1",
      NODE_TLS_REJECT_UNAUTHORIZED: "0",
      NATS_PASSWORD: "/planted-95",
      PATH: "/bin",
    });
    expect(code).toBe(0);
    expect(of("env").map(({ what, status }) => [what, status])).toEqual([
      ["AGENT_ID", "warn"],
      ["NATS_TLS_INSECURE", "warn"],
      ["NODE_TLS_REJECT_UNAUTHORIZED", "warn"],
      ["NATS_PASSWORD", "ok"],
    ]);
    expect(out).not.toContain("planted");
  });

  it("prints a table with what to do, and knows the Node it needs", async () => {
    const { out } = await run(["doctor"], { env: { AGENT_ID: "'a'" } });
    expect(out).toMatch(/^ok +versions +runtime +Node /);
    expect(out).toMatch(/warn +env +AGENT_ID +has quotes/);
    expect(out).toMatch(/What to do\n {2}env, AGENT_ID: +unset AGENT_ID/);
    const manifest = readFileSync(join(import.meta.dirname, "../../package.json"), "utf8");
    expect((JSON.parse(manifest) as { engines: { node: string } }).engines.node).toBe(
      `>=${SUPPORTED_NODE.join(".")}`,
    );
  });
});

/** A server that always answers the same, `aheadS` seconds ahead of us. */
function listen(body: string, type: string, aheadS = 0): Promise<string> {
  return open(
    createServer((_, response) => {
      const date = new Date(Date.now() + aheadS * 1_000).toUTCString();
      response.writeHead(200, { "content-type": type, date }).end(body);
    }),
  );
}

async function open(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  ends.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as { port: number }).port}`;
}

const PERMISSIONS = `
authorization {
  users = [
    { user: all, password: p }
    { user: listener, password: p, permissions: { publish: { deny: ["sys.>", "agentwire.>"] }, subscribe: { deny: "sys.job.dlq" } } }
  ]
}
`;

await describeWithPeers("doctor on real servers", [natsServer, redisServer], ([nats, redis]) => {
  it(req("cli.doctor", "subjects that a user may not use, and a password that is wrong"), async () => {
    const server = await startNats(nats!, { args: ["-c", file("nats.conf", PERMISSIONS)] });
    ends.push(() => server.stop());
    const as = (user: string, password = "p") => [
      "--nats",
      server.url.replace("//", `//${user}:${password}@`),
    ];
    const all = await doctor([...as("all"), "--publish", "--role", "worker", "--topic", "job.x"]);
    expect(all.code).toBe(0);
    expect(all.of("nats", "subscribe").map(({ text }) => text)).toEqual(["sys.job.cancel", "job.x"]);
    expect(all.of("nats", "publish").map(({ text }) => text)).toContain("sys.job.result");
    expect(all.of("nats", "version")[0]!.text).toMatch(
      /^nats-server [\d.]+.*, JetStream off, packets up to \d+ bytes$/,
    );
    expect(all.of("nats", "round trip")[0]!.status).toBe("ok");
    const some = await doctor([...as("listener"), "--publish"]);
    expect(some.code).toBe(1);
    expect(some.of("nats", "subscribe").map(({ status, text }) => [status, text.split(":")[0]])).toEqual([
      ["ok", "sys.job.result"],
      ["fail", "sys.job.dlq"],
    ]);
    expect(some.of("nats", "publish").every(({ status }) => status === "fail")).toBe(true);
    expect(some.of("nats", "round trip")[0]!.status).toBe("warn");
    const wrong = await doctor(as("all", "planted-94"));
    expect([wrong.code, wrong.of("nats")[0]!.status]).toEqual([3, "fail"]);
    expect(wrong.out).not.toContain("planted-94");
  });

  it(
    req("cli.doctor.harmless", "takes no job from a worker, and publishes nothing that was not asked for"),
    async () => {
      const server = await startNats(nats!);
      ends.push(() => server.stop());
      const bus = await connectNats({ servers: server.url, env: {} });
      ends.push(() => bus.close());
      const heard: string[] = [];
      await bus.subscribe("sys.>", ({ subject }) => void heard.push(subject));
      const worker = await runWorker({ bus, subject: "job.x", handler: () => ({}) });
      ends.push(() => worker.close());
      const looking = doctor(["--nats", server.url, "--role", "worker", "--topic", "job.x"]);
      for (let at = 0; at < 50; at++) {
        const payload = { case: "jobRequest" as const, value: { jobId: `j-${at}`, topic: "job.x" } };
        await bus.publish("job.x", encodePacket(createPacket(payload, { senderId: "s" })));
        await bus.flush();
      }
      await looking;
      await worker.close();
      await bus.flush();
      expect([worker.stats.received, new Set(heard)]).toEqual([50, new Set(["sys.job.result"])]);
      heard.length = 0;
      await doctor(["--nats", server.url, "--publish"]);
      await bus.flush();
      expect(heard.sort()).toEqual(["sys.alert", "sys.handshake", "sys.job.cancel", "sys.job.submit"]);
    },
  );

  it(req("cli.doctor", "Redis answers"), async () => {
    const server = await startRedis(redis!);
    ends.push(() => server.stop());
    const { code, of } = await doctor([], { REDIS_URL: server.url });
    expect([code, of("redis")[0]]).toEqual([
      0,
      expect.objectContaining({ status: "ok", text: expect.stringContaining("PING in") }),
    ]);
  });
});
