/** What `agentwire doctor` finds on NATS and Redis. */
import { SUBJECTS, type SubjectEntry } from "../../../gen/cap/index.js";
import { type Bus, PublishFailedError } from "../../cap/index.js";
import type { NatsConnection } from "../../cap/nats/index.js";
import { withDeadline } from "../../core/abort.js";
import { type AgentwireError, errorText, UnsupportedError } from "../../core/errors.js";
import { randomHex } from "../../core/ids.js";
import { about, type Check, lookAt, type Situation } from "./check.js";
import type { ROLES } from "./options.js";

/** Connection, round trip, and what this user may listen to and publish. */
export function checkNats(situation: Situation): Promise<readonly Check[]> {
  const { options, env, signal } = situation;
  const { timeoutMs } = options;
  return lookAt("nats", situation, async (servers, checks) => {
    const { connectNats } = await import("../../cap/nats/index.js");
    const { connect } = await import("nats");
    let server: ServerFacts | undefined;
    const started = performance.now();
    const bus = await connectNats({
      ...{ servers, env, timeoutMs, signal, name: "agentwire doctor", maxReconnects: 0 },
      connect: async (options) => {
        const connection = await connect(options as Parameters<typeof connect>[0]);
        server = connection.info;
        return connection as NatsConnection;
      },
    });
    const connectedMs = performance.now() - started;
    const refusals: AgentwireError[] = [];
    bus.onStatus((_, error) => void (error && refusals.push(error)));
    try {
      const before = performance.now();
      await bus.flush();
      const times = `connected in ${ms(connectedMs)}, round trip ${ms(performance.now() - before)}`;
      checks.push(about("nats", "server").ok(`${servers}: ${times}`));
      if (server !== undefined) checks.push(versionOf(server));
      checks.push(await roundTrip(bus, refusals, timeoutMs));
      checks.push(...(await permissions(bus, situation, refusals)));
    } finally {
      await bus.close();
    }
  });
}

/** What a server says of itself. */
interface ServerFacts {
  readonly version: string;
  readonly max_payload: number;
  readonly jetstream?: boolean;
}

function versionOf({ version, max_payload, jetstream }: ServerFacts): Check {
  const text = `nats-server ${version}, JetStream ${jetstream ? "on" : "off"}, packets up to ${max_payload} bytes`;
  return about("nats", "version").ok(text);
}

/** Sends a message to itself, on a subject of its own. */
async function roundTrip(bus: Bus, refusals: readonly AgentwireError[], timeoutMs: number): Promise<Check> {
  const { ok, warn } = about("nats", "round trip");
  const subject = `agentwire.doctor.${randomHex(8)}`;
  try {
    let heard: () => void = () => {};
    const arrived = new Promise<void>((resolve) => {
      heard = resolve;
    });
    await bus.subscribe(subject, () => heard());
    await bus.publish(subject, new Uint8Array());
    await settle(bus);
    if (refusals.length > 0) return warn(`may not publish on agentwire.doctor.*: ${errorText(refusals[0])}`);
    await withDeadline({ timeoutMs, what: "the round trip" }, () => arrived);
    return ok("a message came back");
  } catch (error) {
    return warn(`a message to ourselves did not come back: ${errorText(error)}`);
  }
}

async function permissions(
  bus: Bus,
  { options: { topic: topics = [], publish, role = "client" } }: Situation,
  refusals: AgentwireError[],
): Promise<Check[]> {
  const entries: readonly SubjectEntry[] = Object.values(SUBJECTS);
  const listens = entries.filter(({ consumers }) => consumers.some((consumer) => consumer.role === role));
  const speaks = entries.filter(({ publishers }) => publishers.includes(role));
  const topicsOf = (one: (typeof ROLES)[number]): readonly string[] => (role === one ? topics : []);
  const advice = `a ${role} needs it: allow it for this user`;
  const checks: Check[] = [];
  for (const subject of [...listens.map(({ subject }) => subject), ...topicsOf("worker")]) {
    checks.push(await maySubscribe(bus, subject, advice));
  }
  const published = [...speaks.map(({ subject }) => subject), ...topicsOf("scheduler")];
  if (!publish) {
    const text = `${published.join(", ")}: not tried; --publish sends an empty message, which receivers refuse and log`;
    return [...checks, about("nats", "publish").skip(text)];
  }
  for (const subject of published) checks.push(await mayPublish(bus, subject, advice, refusals));
  return checks;
}

/** Subscribes briefly, without a queue group, so that it takes no message from a worker. */
async function maySubscribe(bus: Bus, subject: string, advice: string): Promise<Check> {
  const { ok, fail } = about("nats", "subscribe");
  try {
    const subscription = await bus.subscribe(subject, () => {});
    subscription.unsubscribe();
    return ok(subject);
  } catch (error) {
    return fail(`${subject}: ${errorText(error)}`, advice);
  }
}

async function mayPublish(
  bus: Bus,
  subject: string,
  advice: string,
  refusals: AgentwireError[],
): Promise<Check> {
  const { ok, fail, failed } = about("nats", "publish");
  refusals.length = 0;
  try {
    await bus.publish(subject, new Uint8Array());
    await settle(bus);
  } catch (error) {
    return failed(error);
  }
  const refusal = refusals.find((error) => error instanceof PublishFailedError);
  return refusal === undefined ? ok(subject) : fail(`${subject}: ${errorText(refusal)}`, advice);
}

/** The server answers a refused publish before it answers a flush; the client reports it a little later. */
async function settle(bus: Bus): Promise<void> {
  await bus.flush();
  await new Promise((resolve) => setImmediate(resolve));
  await bus.flush();
}

/** Whether Redis answers. */
export function checkRedis(situation: Situation): Promise<readonly Check[]> {
  const { ok, warn } = about("redis", "server");
  return lookAt("redis", situation, async (url, checks) => {
    const { pingRedis } = await import("../../cap/redis/index.js");
    try {
      const tookMs = await pingRedis({
        url,
        env: situation.env,
        connectTimeoutMs: situation.options.timeoutMs,
      });
      checks.push(ok(`${url}: PING in ${ms(tookMs)}`));
    } catch (error) {
      if (!(error instanceof UnsupportedError)) throw error;
      checks.push(warn(errorText(error), "npm install ioredis"));
    }
  });
}

function ms(value: number): string {
  return `${value.toFixed(1)} ms`;
}
