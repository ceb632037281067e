import { MemoryBus } from "../../src/cap/index.js";
import { ConnectionError } from "../../src/core/errors.js";

/** A bus that refuses the first `times` messages on a subject. */
export function brokenBus(subject: string, times: number) {
  const memory = new MemoryBus();
  const bus = memory.connect();
  const publish = bus.publish.bind(bus);
  let left = times;
  bus.publish = (to, data, options) => {
    if (to === subject && left-- > 0) throw new ConnectionError("bus away");
    return publish(to, data, options);
  };
  return { memory, bus };
}
