/** A stream for tests that remembers what it was told. Messages come from the bus, with a delivery each. */
import type { Bus, Delivery, DurableBus, DurableMessage } from "../../src/cap/index.js";

export function stream(bus: Bus) {
  const told: string[] = [];
  const published: { subject: string; messageId: string }[] = [];
  const asked: [string, string | undefined][] = [];
  let refuse: unknown;
  let deliveries = 0;
  const durable: DurableBus = {
    ackWaitMs: 30_000,
    async publish(subject, data, { messageId }) {
      if (refuse !== undefined) throw refuse;
      await bus.publish(subject, data);
      published.push({ subject, messageId });
      told.push(`stored ${messageId}`);
      return { stream: "S", sequence: published.length, duplicate: false };
    },
    subscribe(subject, onMessage, options) {
      asked.push([subject, options?.queue]);
      const wrap = (message: Omit<DurableMessage, "delivery">): void => {
        const n = ++deliveries;
        const delivery: Delivery = {
          attempt: 1,
          ack: async () => void told.push(`ack ${n}`),
          working: () => void told.push(`working ${n}`),
          giveBack: (delayMs) => void told.push(`back ${n} ${delayMs ?? "now"}`),
          drop: (reason) => void told.push(`drop ${n} ${reason}`),
        };
        onMessage({ ...message, delivery });
      };
      return bus.subscribe(subject, wrap, options);
    },
  };
  return {
    durable,
    told,
    published,
    asked,
    refuseWith(error: unknown) {
      refuse = error;
    },
  };
}
