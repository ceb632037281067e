/** A neuron on a memory transport and a clock that stands still. */
import type { Logger } from "../../src/core/logger.js";
import type { CapabilityRegistration, Handler } from "../../src/neuron/index.js";
import { memoryTransport, Neuron } from "../../src/neuron/index.js";
import type { MemoryPostHandler } from "../../src/neuron/memory-transport.js";
import type { NeuronCommonOptions } from "../../src/neuron/neuron-options.js";
import { FakeClock } from "../../src/testing/fake-clock.js";

export interface SetUp extends Partial<NeuronCommonOptions> {
  readonly handlers?: Record<string, Handler>;
  readonly capability?: Partial<CapabilityRegistration>;
  readonly onPost?: MemoryPostHandler;
  readonly prepare?: (neuron: Neuron) => void;
}

const running: { clock: FakeClock; neuron: Neuron }[] = [];

/** Stops every neuron that was set up; for `afterEach`. */
export async function stopAll(): Promise<void> {
  for (const { clock, neuron } of running.splice(0)) await clock.until(neuron.stop({ drain: false }));
}

export async function setUp({ handlers = {}, capability = {}, onPost, prepare, ...options }: SetUp = {}) {
  const clock = new FakeClock();
  const { transport, gateway } = memoryTransport(onPost);
  const logged: string[] = [];
  const log = (message: string, fields?: object) => void logged.push(`${message} ${JSON.stringify(fields)}`);
  const logger: Logger = { debug: log, info: log, warn: log, error: log };
  const neuron = new Neuron({ neuronId: "n-1", transport, clock, logger, random: () => 0, ...options });
  for (const [type, handler] of Object.entries(handlers)) {
    neuron.handle({ type, scope: "any", concurrency: 1, ...capability }, handler);
  }
  prepare?.(neuron);
  const errors: Error[] = [];
  neuron.on("error", (error) => errors.push(error));
  running.push({ clock, neuron });
  await neuron.start();
  await clock.settle();
  /** Sends a lease that lives for so long. */
  const lease = (leaseId: string, type = "a/b", input: unknown = {}, more: object = {}, ttlMs = 60_000) => {
    const task = { taskId: `t-${leaseId}`, workflowId: "w", capability: type, input, attempt: 0 };
    const at = (ms: number) => new Date(Date.UTC(2030, 0, 1) + ms).toISOString();
    gateway.send({
      type: "lease",
      lease: {
        leaseId,
        expiresAt: at(ttlMs),
        task: { ...task, ...(more as { task?: object }).task },
        ...more,
      },
      sentAt: at(0),
    });
  };
  const cancel = (leaseId: string) =>
    gateway.send({
      type: "cancel",
      leaseId,
      reason: "no longer wanted",
      cancelledAt: "2030-01-01T00:00:00Z",
    });
  /** Frames of one type that were posted. */
  const frames = (type: string) =>
    gateway.posted
      .map(({ frame }) => frame as unknown as Record<string, unknown>)
      .filter((f) => f.type === type);
  /** All answers, as `kind leaseId code`. */
  const answers = () =>
    gateway.posted
      .map(({ frame }) => frame)
      .flatMap((frame) => {
        if (frame.type === "ack") return `ack ${frame.leaseId}`;
        return frame.type === "nack" ? [`${frame.kind} ${frame.leaseId} ${frame.code ?? "-"}`] : [];
      });
  return { clock, gateway, neuron, logged, errors, lease, cancel, frames, answers };
}

/** A handler that ends when it is told to, or with its signal. */
export function gate() {
  const open: (() => void)[] = [];
  const handler: Handler = (_, { signal }) =>
    new Promise((resolve, reject) => {
      open.push(() => resolve("done"));
      signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    });
  return { handler, open: () => open.shift()?.() };
}
