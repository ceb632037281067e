import type { Bus } from "../../src/cap/index.js";

/** A bus as a plain object, so that it can be spread and one of its methods replaced. */
export function bound(bus: Bus): Bus {
  return {
    publish: (...given) => bus.publish(...given),
    subscribe: (...given) => bus.subscribe(...given),
    flush: () => bus.flush(),
    drain: () => bus.drain(),
    close: () => bus.close(),
    status: () => bus.status(),
    onStatus: (listener) => bus.onStatus(listener),
  };
}
