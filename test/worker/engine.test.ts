import { describe, expect, it } from "vitest";
import { AbortError, ClosedError } from "../../src/core/errors.js";
import type { Logger } from "../../src/core/logger.js";
import { FakeClock } from "../../src/testing/fake-clock.js";
import { Engine } from "../../src/worker/engine.js";
import { Slots } from "../../src/worker/slots.js";
import { Work } from "../../src/worker/work.js";
import { req } from "../requirements/index.ts";

class Task extends Work {
  end!: (outcome: string) => void;
  fail!: (error: unknown) => void;
  readonly done = new Promise<string>((resolve, reject) => {
    this.end = resolve;
    this.fail = reject;
  });
}

interface SetUp {
  readonly slots?: number;
  readonly graceMs?: number;
  readonly abandonMs?: number;
  readonly answer?: () => void | Promise<void>;
}

function setUp({ slots = 1, graceMs = 0, abandonMs = 1_000, answer = async () => {} }: SetUp = {}) {
  const clock = new FakeClock();
  const started: unknown[] = [];
  const answers: string[] = [];
  const logged: string[] = [];
  const log = (message: string) => void logged.push(message);
  const logger: Logger = { debug: log, info: log, warn: log, error: log };
  let freed = 0;
  const engine = new Engine<Task, string>(
    {
      run: (task) => {
        started.push(task.key);
        return task.done;
      },
      cut: ({ state }, { message }) => `cut ${state}: ${message}`,
      answer: (task, outcome) => {
        answers.push(`${String(task.key)} ${outcome}`);
        return answer();
      },
    },
    { clock, logger, graceMs, abandonMs, onFree: () => freed++ },
  );
  const line = engine.slots(slots);
  const add = (key: string): Task => {
    const task = new Task(key);
    engine.add(task, line);
    return task;
  };
  return { clock, engine, line, add, started, answers, logged, freed: () => freed };
}

describe("the engine of a worker", () => {
  it(req("worker.engine", "grants slots in order, and opens more at once"), async () => {
    const { clock, engine, line, add, started, answers } = setUp();
    const [a, b] = [add("a"), add("b")];
    add("c");
    expect([started, line.active, engine.size]).toEqual([["a"], 1, 3]);
    a.end("done");
    await clock.settle();
    expect([started, answers, a.state]).toEqual([["a", "b"], ["a done"], "answered"]);
    line.concurrency = 2;
    expect([started, line.active]).toEqual([["a", "b", "c"], 2]);
    line.concurrency = 1;
    b.end("done");
    add("d");
    await clock.settle();
    expect([started.length, line.active]).toEqual([3, 1]);
  });

  it(req("worker.engine", "grants no slot to work that comes while older work is granted one"), () => {
    const granted: unknown[] = [];
    const slots = new Slots<Task>(0, ({ key }) => {
      if (granted.push(key) === 1) slots.add(new Task("late"));
    });
    for (const key of ["a", "b", "c"]) slots.add(new Task(key));
    slots.concurrency = 3;
    expect([granted, slots.queued, slots.active]).toEqual([["a", "b", "c"], 1, 3]);
  });

  it(req("worker.engine", "answers once, whoever comes first"), async () => {
    const { clock, engine, add, answers } = setUp();
    const task = add("a");
    expect(engine.cut(task, new AbortError("no"))).toBe(true);
    expect([engine.cut(task, new AbortError("again")), engine.settle(task, "late"), task.claim()]).toEqual([
      false,
      false,
      false,
    ]);
    task.end("done");
    await clock.settle();
    expect(answers).toEqual(["a cut running: no"]);
  });

  it(
    req("worker.engine", "lets running work end within the grace time, and its own outcome counts"),
    async () => {
      const { clock, engine, add, answers } = setUp({ slots: 2, graceMs: 500 });
      const [a, b] = [add("a"), add("b")];
      engine.cutAll(new AbortError("no"));
      expect([a.signal.aborted, a.signal.reason, answers]).toEqual([true, a.cutBy, []]);
      a.end("in time");
      await clock.advance(500);
      b.end("too late");
      await clock.settle();
      expect(answers).toEqual(["a in time", "b cut running: no"]);
      expect(clock.pending).toBe(0);
    },
  );

  it(req("worker.engine", "answers queued work at once, and never starts it"), async () => {
    const { clock, engine, line, add, started, answers } = setUp();
    const [a, b] = [add("a"), add("b")];
    expect([line.queued, line.waiting]).toEqual([1, [b]]);
    engine.cut(b, new AbortError("no"));
    expect(answers).toEqual(["b cut queued: no"]);
    expect([line.queued, line.waiting]).toEqual([0, []]);
    await clock.settle();
    expect(clock.pending).toBe(0); // it holds no slot that it could keep
    a.end("done");
    await clock.settle();
    expect([started, line.active, engine.size]).toEqual([["a"], 0, 0]);
  });

  it(req("worker.engine", "keeps the slot of a handler that goes on, for a while"), async () => {
    const { clock, engine, line, add, started, logged, freed } = setUp();
    const a = add("a");
    add("b");
    engine.cut(a, new AbortError("no"));
    await clock.settle();
    expect([line.active, started, freed()]).toEqual([1, ["a"], 0]);
    await clock.advance(1_000);
    expect([started, freed(), logged.length]).toEqual([["a", "b"], 1, 1]);
    a.end("late");
    await clock.settle();
    expect([line.active, freed()]).toEqual([1, 1]); // a slot is freed once
  });

  it(req("worker.engine", "cuts work once, and answers at the end of that grace time"), async () => {
    const { clock, engine, add, answers } = setUp({ graceMs: 100 });
    const [a, b] = [add("a"), add("b")];
    expect([engine.cut(a, new AbortError("first")), engine.cut(a, new AbortError("second"))]).toEqual([
      true,
      false,
    ]);
    expect(engine.cut(b, new AbortError("no"))).toBe(true);
    expect(answers).toEqual(["b cut queued: no"]); // what does not run needs no grace
    await clock.advance(60);
    expect(engine.cut(a, new AbortError("third"))).toBe(false);
    await clock.advance(40);
    expect(answers).toEqual(["b cut queued: no", "a cut running: first"]);
  });

  it(req("worker.engine", "keeps a slot until the answer is out, whenever the handler ends"), async () => {
    let sent!: () => void;
    const answer = () => new Promise<void>((resolve) => (sent = resolve));
    const { clock, engine, add, started } = setUp({ answer });
    const [a] = [add("a"), add("b")];
    engine.cut(a, new AbortError("no"));
    a.end("late");
    await clock.settle();
    expect(started).toEqual(["a"]);
    sent();
    await clock.settle();
    expect(started).toEqual(["a", "b"]);
  });

  it(
    req("worker.engine", "lets a slot go once, although its work says so before the answer is out"),
    async () => {
      const { clock, engine, add, logged, freed } = setUp({ answer: async () => engine.release(a) });
      const a = add("a");
      engine.cut(a, new AbortError("no"));
      await clock.advance(500);
      a.end("late");
      await clock.advance(5_000);
      expect([logged, freed()]).toEqual([[], 1]);
    },
  );

  it(req("worker.engine", "waits for no handler once it is closed"), async () => {
    const { clock, engine, add } = setUp();
    const a = add("a");
    engine.close();
    engine.cut(a, new AbortError("no"));
    await clock.settle();
    expect([engine.size, clock.pending]).toEqual([0, 0]);
  });

  it(req("worker.engine", "drops work without an answer, and aborts its handler"), async () => {
    const { clock, engine, line, add, answers } = setUp();
    const a = add("a");
    const { signal } = a;
    expect([engine.drop(a, new ClosedError("lost")), engine.drop(a, new ClosedError("again"))]).toEqual([
      true,
      false,
    ]);
    expect([signal.aborted, a.signal.aborted, engine.size, answers]).toEqual([true, true, 0, []]);
    a.fail(new Error("aborted"));
    await clock.settle();
    expect([line.active, answers]).toEqual([0, []]);
  });

  it(req("worker.engine", "calls back later, unless the work is answered before"), async () => {
    const { clock, engine, add } = setUp({ slots: 2 });
    const [a, b] = [add("a"), add("b")];
    const called: string[] = [];
    engine.after(a, 100, () => called.push("a"));
    engine.after(b, 50, () => called.push("first"));
    engine.after(b, 100, () => called.push("b"));
    a.end("done");
    await clock.settle();
    await clock.advance(100);
    expect(called).toEqual(["b"]);
  });

  it(req("worker.engine", "ends: answers what is left, and waits for the answers a while"), async () => {
    const { clock, engine, add, answers } = setUp({ slots: 1, answer: () => new Promise(() => {}) });
    add("a");
    add("b");
    await clock.until(engine.end(new ClosedError("closed"), 900));
    expect([answers, clock.monotonic()]).toEqual([["a cut running: closed", "b cut queued: closed"], 900]);
    expect(clock.pending).toBe(0);
  });

  it(req("worker.engine", "survives hooks that reject"), async () => {
    const { clock, engine, line, add, answers, logged } = setUp({
      answer: () => Promise.reject(new Error("answer")),
    });
    add("a").fail(new Error("run"));
    await clock.settle();
    expect([answers, engine.size, line.active]).toEqual([["a cut running: run"], 0, 0]);
    expect(logged).toEqual(["a worker's run hook failed", "a worker's answer hook failed"]);
    await engine.idle();
  });

  it(req("worker.engine", "takes answers that are out at once, and hooks that throw"), async () => {
    const outcomes = [
      () => {},
      () => {
        throw new Error("answer");
      },
    ];
    const { clock, engine, line, add, answers, logged, freed } = setUp({
      answer: () => outcomes.shift()?.(),
    });
    for (const key of ["a", "b"]) add(key).end("done");
    await clock.settle();
    expect([answers, engine.size, line.active, freed()]).toEqual([["a done", "b done"], 0, 0, 2]);
    expect(logged).toEqual(["a worker's answer hook failed"]);
  });

  it(req("worker.engine", "finds work by its key until it is answered, and the newer of two"), async () => {
    const { clock, engine, add } = setUp({ slots: 2 });
    const [older, newer] = [add("a"), add("a")];
    expect([engine.get("a") === newer, engine.get("b"), engine.all()]).toEqual([
      true,
      undefined,
      [older, newer],
    ]);
    older.end("done");
    await clock.settle();
    expect(engine.get("a") === newer).toBe(true);
    newer.end("done");
    await clock.settle();
    expect([engine.get("a"), engine.all()]).toEqual([undefined, []]);
    const nameless = new Task(undefined);
    engine.add(nameless, engine.slots(1));
    expect(engine.get(undefined)).toBeUndefined();
  });

  it(req("worker.engine", "answers work that was never added, without a slot"), async () => {
    const { clock, engine, line, answers, freed } = setUp();
    const task = new Task("a");
    expect([engine.settle(task, "refused"), engine.settle(task, "again")]).toEqual([true, false]);
    await clock.settle();
    expect([answers, engine.size, line.active, freed(), task.state]).toEqual([
      ["a refused"],
      0,
      0,
      0,
      "answered",
    ]);
  });

  it(
    req("worker.engine", "keeps the slot for as long as the handler runs where it may not be abandoned"),
    async () => {
      const { clock, engine, add, started, freed, logged } = setUp({ abandonMs: Infinity });
      const a = add("a");
      add("b");
      engine.cut(a, new AbortError("no"));
      await clock.advance(1e9);
      expect([started, freed(), logged, clock.pending]).toEqual([["a"], 0, [], 0]);
      a.end("late");
      await clock.settle();
      expect([started, freed()]).toEqual([["a", "b"], 1]);
    },
  );

  it(req("worker.engine", "ends with the reason for which work was cut short before"), async () => {
    const { clock, engine, add, answers } = setUp({ slots: 2, graceMs: 60_000 });
    const [a, b] = [add("a"), add("b")];
    engine.cut(a, new AbortError("no"));
    await clock.until(engine.end(new ClosedError("closed"), 900));
    expect(answers).toEqual(["a cut running: no", "b cut running: closed"]);
    expect([a.signal.reason, b.signal.reason].map(({ message }: Error) => message)).toEqual(["no", "closed"]);
    expect([clock.monotonic(), clock.pending]).toEqual([0, 0]);
  });

  it("calls nobody back in an endless time", () => {
    const { clock, engine, add } = setUp();
    const a = add("a");
    engine.after(a, 100, () => {});
    engine.after(a, Infinity, () => {});
    expect(clock.pending).toBe(0);
  });

  it("makes a signal on demand only, aborted already where the work was cut short", () => {
    const { engine, add } = setUp({ graceMs: 100 });
    const [a, b] = [add("a"), add("b")];
    engine.cut(a, new AbortError("no"));
    expect([a.signal.aborted, (a.signal.reason as Error).message]).toEqual([true, "no"]);
    expect(b.signal.aborted).toBe(false);
  });

  it("ends a race with a promise as soon as the work is cut short, and at once if it was before", async () => {
    const { engine, add } = setUp({ graceMs: 100 });
    const a = add("a");
    await expect(a.race(Promise.resolve("first"))).resolves.toBe("first");
    const race = a.race(new Promise(() => {}));
    engine.cut(a, new AbortError("no"));
    await expect(race).rejects.toThrow("no");
    await expect(a.race(new Promise(() => {}))).rejects.toThrow("no");
  });
});
