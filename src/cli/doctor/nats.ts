/** What `agentwire doctor` finds on NATS and Redis. */
import { SUBJECTS, type SubjectEntry } from "../../../gen/cap/index.js";
import { type Bus, PublishFailedError } from "../../cap/index.js";
import type { NatsConnection } from "../../cap/nats/index.js";
import { withDeadline } from "../../core/abort.js";
import { type Env, optionOrEnv } from "../../core/env.js";
import { type AgentwireError, errorText, UnsupportedError } from "../../core/errors.js";
import { randomHex } from "../../core/ids.js";
import { type Check, type Findings, fail, failed, ok, skip, warn } from "./check.js";
import type { DoctorOptions } from "./options.js";

/** Roles of the protocol whose subjects can be tried. */
export const ROLES = ["client", "worker", "scheduler"] as const;

/** Connection, round trip, and what this user may listen to and publish. */
export async function checkNats(options: DoctorOptions, env: Env, signal: AbortSignal): Promise<Findings> {
  const { role = "client", timeoutMs } = options;
  const servers = optionOrEnv(options.nats, "NATS_URL", env);
  if (servers === undefined) {
    const text = "not configured: NATS_URL or --nats URL";
    const check = options.role === undefined ? skip : fail;
    return {
      checks: [check("nats", "server", options.role === undefined ? text : `${text}, for --role ${role}`)],
    };
  }
  const { connectNats } = await import("../../cap/nats/index.js");
  let bus: Bus;
  let server: ServerFacts | undefined;
  const started = performance.now();
  try {
    const { connect } = await import("nats");
    bus = await connectNats({
      ...{ servers, env, timeoutMs, signal, name: "agentwire doctor", maxReconnects: 0 },
      connect: async (options) => {
        const connection = await connect(options as Parameters<typeof connect>[0]);
        if (connection.info !== undefined) server = connection.info;
        return connection as NatsConnection;
      },
    });
  } catch (error) {
    const advice =
      "is the server up, the port right, and are user, password or credentials those of this server?";
    return { checks: [failed("nats", "server", error, advice)] };
  }
  const connectedMs = performance.now() - started;
  const refusals: AgentwireError[] = [];
  bus.onStatus((_, error) => void (error && refusals.push(error)));
  try {
    const before = performance.now();
    await bus.flush();
    const roundTripMs = performance.now() - before;
    return {
      checks: [
        ok("nats", "server", `${servers}: connected in ${ms(connectedMs)}, round trip ${ms(roundTripMs)}`),
        ...(server === undefined ? [] : [versionOf(server)]),
        await roundTrip(bus, refusals, timeoutMs),
        ...(await permissions(bus, options, role, refusals)),
      ],
    };
  } catch (error) {
    return { checks: [failed("nats", "server", error)] };
  } finally {
    await bus.close();
  }
}

/** What a server says of itself. */
interface ServerFacts {
  readonly version: string;
  readonly max_payload: number;
  readonly jetstream?: boolean;
}

function versionOf({ version, max_payload, jetstream }: ServerFacts): Check {
  const text = `nats-server ${version}, JetStream ${jetstream ? "on" : "off"}, packets up to ${max_payload} bytes`;
  return ok("nats", "version", text);
}

/** Sends a message to itself, on a subject of its own. */
async function roundTrip(bus: Bus, refusals: readonly AgentwireError[], timeoutMs: number): Promise<Check> {
  const subject = `agentwire.doctor.${randomHex(8)}`;
  try {
    let heard: () => void = () => {};
    const arrived = new Promise<void>((resolve) => {
      heard = resolve;
    });
    await bus.subscribe(subject, () => heard());
    await bus.publish(subject, new Uint8Array());
    await settle(bus);
    if (refusals.length > 0) {
      return warn("nats", "round trip", `may not publish on agentwire.doctor.*: ${errorText(refusals[0])}`);
    }
    await withDeadline({ timeoutMs, what: "the round trip" }, () => arrived);
    return ok("nats", "round trip", "a message came back");
  } catch (error) {
    return warn("nats", "round trip", `a message to ourselves did not come back: ${errorText(error)}`);
  }
}

async function permissions(
  bus: Bus,
  { topic: topics = [], publish }: DoctorOptions,
  role: (typeof ROLES)[number],
  refusals: AgentwireError[],
): Promise<Check[]> {
  const entries: readonly SubjectEntry[] = Object.values(SUBJECTS);
  const listens = entries.filter(({ consumers }) => consumers.some((consumer) => consumer.role === role));
  const speaks = entries.filter(({ publishers }) => publishers.includes(role));
  const checks: Check[] = [];
  for (const subject of [...listens.map(({ subject }) => subject), ...(role === "worker" ? topics : [])]) {
    checks.push(await maySubscribe(bus, subject, role));
  }
  const published = [...speaks.map(({ subject }) => subject), ...(role === "scheduler" ? topics : [])];
  if (publish) {
    for (const subject of published) checks.push(await mayPublish(bus, subject, role, refusals));
  } else {
    const text = `${published.join(", ")}: not tried; --publish sends an empty message, which receivers refuse and log`;
    checks.push(skip("nats", "publish", text));
  }
  return checks;
}

/** Subscribes briefly, without a queue group, so that it takes no message from a worker. */
async function maySubscribe(bus: Bus, subject: string, role: string): Promise<Check> {
  try {
    const subscription = await bus.subscribe(subject, () => {});
    subscription.unsubscribe();
    return ok("nats", "subscribe", subject);
  } catch (error) {
    return fail(
      "nats",
      "subscribe",
      `${subject}: ${errorText(error)}`,
      `a ${role} needs it: allow it for this user`,
    );
  }
}

async function mayPublish(
  bus: Bus,
  subject: string,
  role: string,
  refusals: AgentwireError[],
): Promise<Check> {
  refusals.length = 0;
  try {
    await bus.publish(subject, new Uint8Array());
    await settle(bus);
  } catch (error) {
    return failed("nats", "publish", error);
  }
  const refusal = refusals.find((error) => error instanceof PublishFailedError);
  return refusal === undefined
    ? ok("nats", "publish", subject)
    : fail(
        "nats",
        "publish",
        `${subject}: ${errorText(refusal)}`,
        `a ${role} needs it: allow it for this user`,
      );
}

/** The server answers a refused publish before it answers a flush; the client reports it a little later. */
async function settle(bus: Bus): Promise<void> {
  await bus.flush();
  await new Promise((resolve) => setImmediate(resolve));
  await bus.flush();
}

/** Whether Redis answers. */
export async function checkRedis({ redis, timeoutMs }: DoctorOptions, env: Env): Promise<Findings> {
  const url = optionOrEnv(redis, "REDIS_URL", env);
  if (url === undefined)
    return { checks: [skip("redis", "server", "not configured: REDIS_URL or --redis URL")] };
  try {
    const { pingRedis } = await import("../../cap/redis/index.js");
    const tookMs = await pingRedis({ url, env, connectTimeoutMs: timeoutMs });
    return { checks: [ok("redis", "server", `${url}: PING in ${ms(tookMs)}`)] };
  } catch (error) {
    if (error instanceof UnsupportedError)
      return { checks: [warn("redis", "server", errorText(error), "npm install ioredis")] };
    return {
      checks: [
        failed("redis", "server", error, "is the server up, and are the port and the password right?"),
      ],
    };
  }
}

function ms(value: number): string {
  return `${value.toFixed(1)} ms`;
}
