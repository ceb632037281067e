/** The faults of every local server over HTTP, and of the link to it. */
import { setTimeout as pause } from "node:timers/promises";
import type { Fault as InjectedFault } from "../../../src/testing/http/faults.js";
import type { Proxy as Link } from "../proxy.ts";
import { between, pick, type Random } from "../random.ts";
import type { Fault, JumpingClock } from "../script.ts";

/** What the faults need of a server. */
interface Server {
  readonly faults: { add(...faults: InjectedFault<never>[]): unknown };
  restart(options: { downMs: number }): Promise<void>;
}

/** Faults of a link. Each is over when it resolves. */
export function linkFaults(link: Link, longestMs = 150): Readonly<Record<string, Fault>> {
  const hold = async (random: Random, begin: () => void, end: () => void) => {
    begin();
    await pause(between(random, 1, longestMs));
    end();
  };
  return {
    "link stalls": (random) => hold(random, link.stall, link.resume),
    "link reads nothing": (random) => hold(random, link.stallReading, link.resume),
    "link refuses": (random) => hold(random, link.refuse, link.resume),
    "link is reset": () => link.reset(),
    "link is slow": (random) =>
      hold(
        random,
        () => link.shape({ delayMs: between(random, 0, 3), pieceBytes: between(random, 20, 200) }),
        () => link.shape({}),
      ),
    "response is cut": (random) => link.cutAfter(between(random, 1, 2_000)),
  };
}

/** Faults of a server and its link. */
export function httpFaults(server: Server, link: Link, clock: JumpingClock): Record<string, Fault> {
  const strike = (random: Random, fault: InjectedFault<never>) =>
    void server.faults.add({ ...fault, times: between(random, 1, 12) });
  return {
    ...linkFaults(link),
    "server restarts": (random) => server.restart({ downMs: between(random, 0, 100) }),
    "status with Retry-After": (random) => {
      const headers = { "retry-after": pick(random, ["0", "1"]) };
      strike(random, { kind: "status", status: pick(random, [429, 502, 503]), headers });
    },
    "answer is lost": (random) => strike(random, { kind: "drop", when: "after" }),
    "request is lost": (random) => strike(random, { kind: "drop", when: "before" }),
    "answer is late": (random) => strike(random, { kind: "delay", delayMs: between(random, 1, 250) }),
    "answer is not JSON": (random) => strike(random, { kind: "malformed" }),
    "answer is split": (random) => strike(random, { kind: "split", bytes: between(random, 1, 20) }),
    "clock jumps": clock.jump,
  };
}

/** Watches that a call that was answered with Retry-After is repeated no sooner. */
export class RetryTimes {
  readonly #earliest = new Map<string, number>();
  waited = 0;
  tooEarly = 0;

  /** The client was told to wait. */
  asked(id: string, waitMs: number): void {
    this.#earliest.set(id, performance.now() + waitMs);
  }

  /** A request of the call leaves, or arrives. */
  sent(id: string): void {
    const earliest = this.#earliest.get(id);
    if (earliest === undefined) return;
    this.#earliest.delete(id);
    this.waited++;
    if (performance.now() < earliest - 2) this.tooEarly++; // timers are exact to a millisecond
  }
}
