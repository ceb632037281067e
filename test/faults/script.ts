/**
 * Fault scripts: a seed makes a list of faults, which strike one after the other while work goes on. What must hold at
 * the end is counted by name, and every count has to be 0.
 */
import { setTimeout as pause } from "node:timers/promises";
import { type Clock, systemClock } from "../../src/core/clock.js";
import { between, pick, type Random, randomFrom } from "./random.ts";

/** Does harm, and has mended it when it resolves. */
export type Fault = (random: Random) => unknown;

/** Servers, clients and workers of one protocol, at work. */
export interface Stand {
  readonly faults: Readonly<Record<string, Fault>>;
  /** One piece of work. Resolves when it has ended, well or not; a rejection is a broken promise. */
  work(n: number, random: Random): Promise<unknown>;
  /**
   * Starts a client or a worker with some calls, and closes or aborts it at a moment of its own choice. Resolves when the
   * close has ended, with the calls.
   */
  stop(n: number, random: Random): Promise<readonly Promise<unknown>[]>;
  /** After all work: waits for what is still on its way, and counts what must not be, and what was. */
  verdict(): Promise<{ readonly broken: Counts; readonly counts: Counts }>;
}

export type Counts = Readonly<Record<string, number>>;

/** A protocol under faults. What `open` starts is ended by `cleanups`, the last one first. */
export interface Protocol {
  readonly name: string;
  open(random: Random, cleanups: (() => unknown)[]): Promise<Stand>;
}

/** Where and how much. */
export interface ScriptRun {
  readonly seed: number;
  /** Pieces of work. */
  readonly works: number;
  /** Faults in all. */
  readonly steps: number;
  /** Only faults whose name matches. Default: all. */
  readonly only?: RegExp;
}

/** The clock of the machine, whose wall clock can be set. */
export class JumpingClock implements Clock {
  #aheadMs = 0;
  now = () => systemClock.now() + this.#aheadMs;
  monotonic = () => systemClock.monotonic();
  setTimeout: Clock["setTimeout"] = (...timer) => systemClock.setTimeout(...timer);
  clearTimeout: Clock["clearTimeout"] = (handle) => systemClock.clearTimeout(handle);

  /** Sets the wall clock up to an hour forward or back. */
  readonly jump: Fault = (random) => {
    this.#aheadMs = between(random, -3_600_000, 3_600_000);
  };
}

/** The faults of a script: what strikes after how much work, with a seed of its own. */
export function scriptOf({ seed, works, steps, only = /./ }: ScriptRun, names: readonly string[]) {
  const random = randomFrom(seed);
  const left: string[] = [];
  return Array.from({ length: steps }, (_, i) => {
    // Each strikes before one strikes again.
    if (left.length === 0) left.push(...names.filter((name) => only.test(name)));
    const name = pick(random, left);
    left.splice(left.indexOf(name), 1);
    const after = Math.floor(((i + 0.5) * works) / steps);
    return { after, name, seed: between(random, 0, 2 ** 31) };
  });
}

const PARALLEL = 8;
const PATIENCE_MS = 60_000;

/** What keeps the process alive, by kind. */
function handles(): Counts {
  const counts: Record<string, number> = {};
  for (const kind of process.getActiveResourcesInfo())
    if (/TCP|TLS|Timeout|Process/.test(kind)) counts[kind] = (counts[kind] ?? 0) + 1;
  return counts;
}

/**
 * Which handles there are more than before, once those that are ending have ended. The end of a connection can reach the
 * other side of it seconds later, if the system was busy and has to send it again.
 */
async function handlesLeft(before: Counts): Promise<Counts> {
  const more = () =>
    Object.entries(handles())
      .map(([kind, n]) => [`left ${kind}`, n - (before[kind] ?? 0)] as const)
      .filter(([, n]) => n > 0);
  for (let waited = 0; more().length > 0 && waited < PATIENCE_MS; waited += 20)
    await pause(20, undefined, { ref: false });
  return Object.fromEntries(more());
}

/** Counts promises that have not settled after a time in which all of them should have. */
async function unsettled(promises: readonly Promise<unknown>[]): Promise<number> {
  let left = promises.length;
  const all = Promise.all(promises.map((one) => one.then(noop, noop).then(() => left--)));
  const over = new AbortController();
  await Promise.race([all, pause(PATIENCE_MS, undefined, { signal: over.signal }).catch(noop)]);
  over.abort();
  return left;
}

const noop = () => {};

/** Opens a stand for a run, ends it, and counts the handles it leaves. */
async function within(
  protocol: Protocol,
  seed: number,
  run: (stand: Stand) => Promise<{ readonly broken: Counts; readonly counts: Counts }>,
) {
  const before = handles();
  const cleanups: (() => unknown)[] = [];
  const started = performance.now();
  try {
    const { broken, counts } = await run(await protocol.open(randomFrom(seed), cleanups));
    while (cleanups.length > 0) await cleanups.pop()!();
    const seconds = Math.round((performance.now() - started) / 100) / 10;
    return { broken: { ...broken, ...(await handlesLeft(before)) }, counts, seconds };
  } finally {
    while (cleanups.length > 0) await cleanups.pop()!();
  }
}

/** Runs a script. */
export function runScript(protocol: Protocol, run: ScriptRun) {
  return within(protocol, run.seed, async (stand) => {
    const script = scriptOf(run, Object.keys(stand.faults));
    let [next, ended, broke] = [0, 0, 0];
    const works: Promise<unknown>[] = [];
    const line = async () => {
      while (next < run.works) {
        const n = next++;
        const work = stand.work(n, randomFrom(run.seed + n));
        works.push(work);
        await work.catch(() => broke++);
        ended++;
      }
    };
    const lines = Array.from({ length: PARALLEL }, line);
    for (const { after, name, seed } of script) {
      for (let seen = ended, waited = 0; ended < after && waited < PATIENCE_MS; waited += 5) {
        await pause(5);
        if (ended > seen) [seen, waited] = [ended, 0];
      }
      await stand.faults[name]!(randomFrom(seed));
    }
    const stuck = await unsettled(lines);
    const unsettledWork = stuck === 0 ? 0 : await unsettled(works);
    const { broken, counts } = await stand.verdict();
    return {
      broken: { unsettled: unsettledWork, rejected: broke, ...broken },
      counts: { works: ended, faults: script.length, ...counts },
    };
  });
}

/** Stops clients and workers at random moments. */
export function runStops(protocol: Protocol, { seed, stops }: { seed: number; stops: number }) {
  return within(protocol, seed, async (stand) => {
    const round = async (n: number) => unsettled([...(await stand.stop(n, randomFrom(seed + n)))]);
    let left = 0;
    for (let n = 0; n < 4; n++) left += await round(n); // what is opened once is open after these
    const before = handles();
    for (let n = 4; n < stops; n++) left += await round(n);
    const leaked = await handlesLeft(before);
    return { broken: { unsettled: left, ...leaked }, counts: { stops } };
  });
}
