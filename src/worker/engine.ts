/**
 * The engine behind every worker: takes work, grants it a slot, runs it, and answers it exactly once.
 *
 * Work goes from `queued` to `running`, `answering` and `answered`. A cancel, a deadline or the end of the worker cuts
 * it short in any state before `answering`. What differs between protocols is in three hooks.
 */

import { withTimeout } from "../core/abort.js";
import type { Clock } from "../core/clock.js";
import { AgentwireError, errorText } from "../core/errors.js";
import type { Logger } from "../core/logger.js";
import { Line, type Place, Slots } from "./slots.js";
import type { Work } from "./work.js";

/** What a protocol adds. */
export interface EngineHooks<W extends Work, Outcome> {
  /** Does the work. After a cut its outcome is ignored unless it settles within the grace time. Must not reject. */
  run(work: W): Outcome | Promise<Outcome>;
  /** The outcome of work that was cut short before it ran, or that did not end within the grace time. */
  cut(work: W, reason: Error): Outcome;
  /** Sends the answer. Called once for each piece of work, unless it was dropped. Must not reject. */
  answer(work: W, outcome: Outcome): void | Promise<void>;
}

/** Options of an {@link Engine}. */
export interface EngineOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** How long work that was cut short may take to end before it is answered without its handler. */
  readonly graceMs: number;
  /** How long work that goes on after its answer keeps its slot; `Infinity` for as long as it runs. */
  readonly abandonMs: number;
  /** Called when work has given its slot back, which may be taken again. */
  readonly onFree?: (() => void) | undefined;
}

/** Work in flight: queued, running, and being answered. */
export class Engine<W extends Work, Outcome> {
  readonly #hooks: EngineHooks<W, Outcome>;
  readonly #options: EngineOptions;
  readonly #inFlight = new Line<W>();
  readonly #byKey = new Map<unknown, W>();
  /** Work that is answered, still runs, and keeps its slot for a while. */
  readonly #lingering = new Set<W>();
  #idle: (() => void)[] = [];
  #isClosed = false;

  constructor(hooks: EngineHooks<W, Outcome>, options: EngineOptions) {
    this.#hooks = hooks;
    this.#options = options;
  }

  /** Work in flight. */
  get size(): number {
    return this.#inFlight.size;
  }

  get(key: unknown): W | undefined {
    return this.#byKey.get(key);
  }

  /** All work in flight, the oldest first. */
  all(): W[] {
    return this.#inFlight.values();
  }

  /** Slots for {@link Engine.add}. */
  slots(concurrency: number): Slots<W> {
    return new Slots<W>(concurrency, (work) => void this.#run(work));
  }

  /** Takes work: it runs as soon as one of `slots` is free. */
  add(work: W, slots: Slots<W>): void {
    this.#enlist(work);
    work.slots = slots;
    slots.add(work);
  }

  /** Answers work that nobody has answered yet, whatever its state. False if somebody has. */
  settle(work: W, outcome: Outcome): boolean {
    if (!this.#claim(work)) return false;
    this.#answer(work, outcome);
    return true;
  }

  /** Takes work away without an answer: its handler is aborted, and somebody else answers. False if it is answered. */
  drop(work: W, reason: Error): boolean {
    if (!this.#claim(work)) return false;
    work.stop(reason);
    this.#finish(work);
    return true;
  }

  /**
   * Cuts work short. Queued work is answered at once; running work is aborted and answered when it ends, or without
   * its handler after the grace time. False if its outcome is final, or it was cut short before.
   */
  cut(work: W, reason: Error): boolean {
    if (work.settled || work.cutBy !== undefined) return false;
    const { graceMs } = this.#options;
    const end = (): void => void this.settle(work, this.#hooks.cut(work, reason));
    work.stop(reason);
    if (work.state === "queued" || graceMs <= 0) end();
    else this.after(work, graceMs, end);
    return true;
  }

  /** Calls `run` in `ms` milliseconds, unless the work is answered or cut short before. Replaces an earlier call. */
  after(work: W, ms: number, run: () => void): void {
    const { clock } = this.#options;
    clock.clearTimeout(work.timer);
    work.timer = ms === Infinity ? undefined : clock.setTimeout(run, ms);
  }

  /** Lets other work have the slot. Work that still runs keeps it until it ends, or for `abandonMs`. */
  release(work: W): void {
    if (work.released) return;
    work.released = true;
    if (!work.running) return this.#free(work);
    const { clock, logger, abandonMs } = this.#options;
    if (this.#isClosed || abandonMs === Infinity) return;
    this.#lingering.add(work);
    const abandon = (): void => {
      logger.warn("a cancelled handler is still running; its slot is free again", { id: String(work.key) });
      this.#free(work);
    };
    work.timer = clock.setTimeout(abandon, abandonMs, { unref: true });
  }

  /** Resolves when no work is in flight. */
  idle(): Promise<void> {
    return new Promise((resolve) => {
      this.#idle.push(resolve);
      this.#tellIdle();
    });
  }

  /** Cuts all work short. */
  cutAll(reason: Error): void {
    for (const work of this.all()) this.cut(work, reason);
  }

  /** Answers for all work that has not ended, and resolves when the answers are out, or after `ms`. */
  async end(reason: Error, ms: number): Promise<void> {
    for (const work of this.all()) {
      if (work.cutBy === undefined) work.stop(reason);
      this.settle(work, this.#hooks.cut(work, work.cutBy ?? reason));
    }
    await withTimeout("answering", ms, this.#options.clock, () => this.idle()).catch(() => {});
    this.close();
  }

  /** Forgets handlers that go on after their answers, now and from now on. */
  close(): void {
    this.#isClosed = true;
    for (const { timer } of this.#lingering) this.#options.clock.clearTimeout(timer);
    this.#lingering.clear();
  }

  async #run(work: W): Promise<void> {
    work.enter("running");
    work.running = true;
    let outcome: Outcome;
    try {
      outcome = await this.#hooks.run(work);
    } catch (error) {
      this.#options.logger.error("a worker's run hook failed", { error });
      const reason = error instanceof Error ? error : new AgentwireError(errorText(error));
      outcome = this.#hooks.cut(work, work.cutBy ?? reason);
    }
    work.running = false;
    if (this.#claim(work)) this.#answer(work, outcome);
    else if (work.released) this.#free(work);
  }

  #enlist(work: W): void {
    work.enlisted = this.#inFlight.add(work);
    if (work.key !== undefined) this.#byKey.set(work.key, work);
  }

  #claim(work: W): boolean {
    const isQueued = work.state === "queued";
    if (!work.claim()) return false;
    this.#options.clock.clearTimeout(work.timer);
    if (isQueued) {
      if (work.enlisted === undefined) this.#enlist(work); // it was never added: it is answered at once
      work.slots?.remove(work);
      work.slots = undefined;
    }
    return true;
  }

  #answer(work: W, outcome: Outcome): void {
    try {
      const sent = this.#hooks.answer(work, outcome);
      if (sent === undefined) this.#finish(work);
      else
        sent.then(
          () => this.#finish(work),
          (error: unknown) => this.#unanswered(work, error),
        );
    } catch (error) {
      this.#unanswered(work, error);
    }
  }

  #unanswered(work: W, error: unknown): void {
    this.#options.logger.error("a worker's answer hook failed", { error });
    this.#finish(work);
  }

  #finish(work: W): void {
    work.enter("answered");
    this.#inFlight.remove(work.enlisted as Place<W>);
    if (this.#byKey.get(work.key) === work) this.#byKey.delete(work.key);
    this.release(work);
    this.#tellIdle();
  }

  /** Frees the slot of work, if it holds one. */
  #free(work: W): void {
    const { slots } = work;
    if (slots === undefined) return;
    if (this.#lingering.delete(work)) this.#options.clock.clearTimeout(work.timer);
    work.slots = undefined;
    slots.free();
    this.#options.onFree?.();
  }

  #tellIdle(): void {
    if (this.#inFlight.size > 0) return;
    for (const resolve of this.#idle.splice(0)) resolve();
  }
}
