/** What ends a call early: limits of a request and of the whole call, and the caller. */
import { describe, expect, it } from "vitest";
import { AbortError, TimeoutError } from "../../src/core/errors.js";
import { bearer, TokenSource } from "../../src/http/index.js";
import { FakeClock } from "../../src/testing/fake-clock.js";
import { client, failure, json, read, serve, transports, turn, write } from "./server.ts";

/** Cuts off fractions, as the timers of Node do. */
class TruncatingClock extends FakeClock {
  override setTimeout(run: () => void, ms: number): object | number {
    return super.setTimeout(run, Math.trunc(ms));
  }
}

/** Until the clock has so many timers. */
async function waiting(clock: FakeClock, timers: number): Promise<void> {
  while (clock.pending < timers) await turn();
}

describe.each(transports)("timeoutMs over %s", (_, how) => {
  it("ends an attempt that takes too long, and the next one has its own time", async () => {
    const clock = new FakeClock();
    const { baseUrl, arrived } = await serve((_, response, n) => n === 1 && json(response, 200, { n }));
    const answer = client(baseUrl, { ...how, clock, timeoutMs: 50 })
      .send(read, ["1"])
      .withResponse();
    await arrived(1);
    await clock.advance(50);
    expect(await answer).toMatchObject({ data: { n: 1 }, attempts: 2 });
    expect(clock.pending).toBe(0);
  });

  it("is an error that names the limit; a request that is not idempotent is not repeated", async () => {
    const clock = new FakeClock();
    const { baseUrl, seen, arrived } = await serve(() => {});
    const stuck = failure(client(baseUrl, { ...how, clock }).send(write, [], { timeoutMs: 50 }, {}));
    await arrived(1);
    await clock.advance(49);
    await clock.advance(1);
    const error = await stuck;
    expect(error).toBeInstanceOf(TimeoutError);
    expect(error).toMatchObject({ attempts: 1, retryable: true });
    expect(error.message).toContain("did not respond within 50 ms");
    expect(seen).toHaveLength(1);
    expect(clock.pending).toBe(0);
  });

  it("covers the body", async () => {
    const clock = new FakeClock();
    let begun = (): void => {};
    const head = new Promise<void>((resolve) => (begun = resolve));
    const { baseUrl } = await serve((_, response) => {
      response.writeHead(200, { "content-length": "10", "x-request-id": "r-1" }).write("{", begun);
    });
    const stuck = failure(client(baseUrl, { ...how, clock, timeoutMs: 50 }).send(write, []));
    await head;
    for (let i = 0; i < 5; i++) await turn();
    await clock.advance(50);
    const error = await stuck;
    expect(error).toBeInstanceOf(TimeoutError);
    expect(error).toMatchObject({ status: 200, requestId: "r-1", attempts: 1 });
    expect(error.message).toContain("did not send the whole response within 50 ms (attempt 1)");
  });

  it("covers the wait for a token", async () => {
    const clock = new FakeClock();
    const { baseUrl, seen } = await serve((_, response) => json(response, 200, {}));
    const never = (): Promise<never> => new Promise(() => {});
    for (const auth of [bearer(never), new TokenSource({ issue: never })]) {
      const stuck = failure(client(baseUrl, { ...how, clock, auth, timeoutMs: 50 }).send(write, []));
      await waiting(clock, 1);
      await clock.advance(50);
      expect(await stuck).toBeInstanceOf(TimeoutError);
    }
    expect(seen).toEqual([]);
  });

  it.each([0, Infinity])("%d means none", async (ms) => {
    const clock = new FakeClock();
    const { baseUrl, arrived } = await serve(
      (_, response) => void responses.push(() => json(response, 200, {})),
    );
    const responses: (() => void)[] = [];
    const http = client(baseUrl, { ...how, clock, timeoutMs: ms, totalTimeoutMs: ms });
    const calls = [http.send(read, ["1"]), http.send(read, ["2"], { timeoutMs: ms, totalTimeoutMs: ms })];
    await arrived(2);
    expect(clock.pending).toBe(0);
    await clock.advance(10 ** 12);
    for (const respond of responses) respond();
    expect(await Promise.all(calls)).toEqual([{}, {}]);
  });
});

describe.each(transports)("totalTimeoutMs over %s", (_, how) => {
  it("ends the attempt that runs, and says its own number", async () => {
    const clock = new FakeClock();
    const { baseUrl, arrived } = await serve(() => {});
    const options = { ...how, clock, timeoutMs: 40, totalTimeoutMs: 68 };
    const stuck = failure(client(baseUrl, options).send(read, ["1"]));
    await arrived(1);
    await clock.advance(40);
    await arrived(2);
    await clock.advance(28);
    const error = await stuck;
    expect(error).toBeInstanceOf(TimeoutError);
    expect(error.message).toMatch(/took longer than 68 ms in total \(totalTimeoutMs\), attempt 2 included$/);
    expect(error.attempts).toBe(2);
    expect(clock.pending).toBe(0);
  });

  it("names the whole limit also where timers of fractions are early", async () => {
    const clock = new TruncatingClock();
    const { baseUrl, arrived } = await serve((_, response, n) => {
      if (n === 0) refuse = () => json(response, 503, {});
    });
    let refuse = (): void => {};
    const retry = { minDelayMs: 0 };
    const options = { ...how, clock, retry, timeoutMs: 0, totalTimeoutMs: 150 };
    const stuck = failure(client(baseUrl, options).send(read, ["1"]));
    await arrived(1);
    await clock.advance(0.7);
    refuse();
    await waiting(clock, 2);
    await clock.advance(0);
    await arrived(2);
    await clock.advance(149.3);
    expect((await stuck).message).toContain("took longer than 150 ms in total");
  });

  it("does not begin a wait that would end after it", async () => {
    const clock = new FakeClock();
    const { baseUrl, seen } = await serve((_, response) => json(response, 503, {}, { "retry-after": "7" }));
    const error = await failure(client(baseUrl, { ...how, clock, totalTimeoutMs: 5_000 }).send(read, ["1"]));
    expect(error).toMatchObject({ status: 503, retryAfterMs: 7_000 });
    expect(seen).toHaveLength(1);
    expect(clock.pending).toBe(0);
  });

  it("covers waits", async () => {
    const clock = new FakeClock();
    const { baseUrl } = await serve((_, response) => json(response, 503, {}));
    const retry = { attempts: 9, minDelayMs: 1_000, maxDelayMs: 1_000, jitter: 0 };
    let waits = 0;
    const options = { ...how, clock, retry, totalTimeoutMs: 2_500, onRetry: () => void waits++ };
    const stuck = failure(client(baseUrl, options).send(read, ["1"]));
    for (const count of [1, 2]) {
      while (waits < count) await turn();
      await clock.advance(1_000);
    }
    expect((await stuck).status).toBe(503);
    expect(clock.monotonic()).toBe(2_000);
  });
});

describe.each(transports)("the caller's signal over %s", (_, how) => {
  it("ends a call at once", async () => {
    const { baseUrl, seen, arrived } = await serve(() => {});
    const controller = new AbortController();
    const http = client(baseUrl, how);
    const stuck = failure(http.send(read, ["1"], { signal: controller.signal }));
    await arrived(1);
    const reason = new Error("enough");
    controller.abort(reason);
    const error = await stuck;
    expect(error).toBeInstanceOf(AbortError);
    expect(error.cause).toBe(reason);
    const late = await failure(http.send(read, ["1"], { signal: AbortSignal.abort() }));
    expect(late).toBeInstanceOf(AbortError);
    expect(seen).toHaveLength(1);
  });

  it("ends the connection of the request", async () => {
    let closed = (): void => {};
    const gone = new Promise<void>((resolve) => (closed = resolve));
    const { baseUrl, arrived } = await serve((_, response) => void response.on("close", closed));
    const controller = new AbortController();
    const stuck = failure(client(baseUrl, how).send(write, [], { signal: controller.signal }));
    await arrived(1);
    controller.abort();
    await stuck;
    await gone;
  });

  it("ends a wait for the next attempt, and for a token", async () => {
    const clock = new FakeClock();
    const { baseUrl } = await serve((_, response) => json(response, 503, {}));
    const controller = new AbortController();
    const { signal } = controller;
    let waits = 0;
    const retry = { minDelayMs: 60_000 };
    const retrying = client(baseUrl, { ...how, clock, retry, onRetry: () => void waits++ });
    const authorizing = client(baseUrl, { ...how, clock, auth: bearer(() => new Promise<string>(() => {})) });
    const calls = [retrying, authorizing].map((http) => failure(http.send(read, ["1"], { signal })));
    while (waits === 0) await turn();
    controller.abort();
    for (const error of await Promise.all(calls)) expect(error).toBeInstanceOf(AbortError);
    expect(clock.pending).toBe(0);
  });

  it("of AbortSignal.timeout is a TimeoutError", async () => {
    const { baseUrl, seen, arrived } = await serve(() => {});
    const controller = new AbortController();
    const stuck = failure(client(baseUrl, how).send(read, ["1"], { signal: controller.signal }));
    await arrived(1);
    // What AbortSignal.timeout gives, without the wait.
    const reason = new DOMException("The operation was aborted due to timeout", "TimeoutError");
    controller.abort(reason);
    const error = await stuck;
    expect(error).toBeInstanceOf(TimeoutError);
    expect(error.cause).toBe(reason);
    expect(seen).toHaveLength(1);
  });

  it("keeps no listener of a call that has ended", async () => {
    const { baseUrl } = await serve((_, response) => json(response, 200, {}));
    const { signal } = new AbortController();
    let listeners = 0;
    const { addEventListener, removeEventListener } = signal;
    signal.addEventListener = (...given: Parameters<typeof addEventListener>) => {
      listeners++;
      addEventListener.apply(signal, given);
    };
    signal.removeEventListener = (...given: Parameters<typeof removeEventListener>) => {
      listeners--;
      removeEventListener.apply(signal, given);
    };
    const http = client(baseUrl, how);
    const options = { signal, totalTimeoutMs: 60_000 };
    await Promise.all([http.send(read, ["1"], options), http.send(read, ["2"], options)]);
    await failure(http.send(read, [".."], options));
    expect(listeners).toBe(0);
  });
});

it("a fetch that does not heed its signal holds no call", async () => {
  const clock = new FakeClock();
  let sent = 0;
  const hang = (): Promise<Response> => {
    sent++;
    return new Promise(() => {});
  };
  const http = client("http://127.0.0.1:1", { fetch: hang, clock, timeoutMs: 1_000 });
  const late = failure(http.send(write, []));
  await waiting(clock, 1);
  await clock.advance(1_000);
  expect((await late).message).toContain("within 1000 ms");
  const retry = { attempts: 9, minDelayMs: 0 };
  const total = failure(http.send(read, ["1"], { totalTimeoutMs: 2_500, retry }));
  await waiting(clock, 2);
  await clock.advance(2_500);
  expect((await total).message).toContain("2500 ms in total");
  const controller = new AbortController();
  const aborted = failure(http.send(write, [], { signal: controller.signal }));
  await waiting(clock, 1);
  controller.abort();
  expect(await aborted).toBeInstanceOf(AbortError);
  expect([sent, clock.pending]).toEqual([5, 0]);
});
