/** A stream for tests that remembers what it was told. Messages come from the bus, with a delivery each. */
import type { Bus, BusMessage, Delivery, DurableBus, DurableMessage } from "../../src/cap/index.js";

export function stream(bus: Bus) {
  const told: string[] = [];
  const published: { subject: string; messageId: string }[] = [];
  const asked: [string, string | undefined][] = [];
  const kept: BusMessage[] = [];
  const replays: { subject: string; sinceMs: number | undefined; subscribed: number }[] = [];
  let attempt = 1;
  let messageId: string | undefined;
  const messageIds = new Map<string, string>();
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
        const content = Buffer.from(message.data).toString("base64");
        if (messageId !== undefined) messageIds.set(content, messageId);
        else if (attempt === 1 || !messageIds.has(content)) messageIds.set(content, `S:${n}`);
        const delivery: Delivery = {
          attempt,
          messageId: messageIds.get(content)!,
          ack: async () => void told.push(`ack ${n}`),
          working: () => void told.push(`working ${n}`),
          giveBack: (delayMs) => void told.push(`back ${n} ${delayMs ?? "now"}`),
          drop: (reason) => void told.push(`drop ${n} ${reason}`),
        };
        onMessage({ ...message, delivery });
      };
      return bus.subscribe(subject, wrap, options);
    },
    async replay(subject, onMessage, from) {
      const sinceMs = from && "since" in from ? from.since.getTime() : undefined;
      replays.push({ subject, sinceMs, subscribed: asked.length });
      for (const message of kept) if (message.subject === subject) onMessage(message);
    },
  };
  return {
    durable,
    told,
    published,
    asked,
    replays,
    /** What the stream has kept from before. */
    kept,
    /** What the next deliveries say of how often there was one, and of which message (default: that of the content). */
    setAttempt(next: number, ofMessage?: string) {
      attempt = next;
      messageId = ofMessage;
    },
    refuseWith(error: unknown) {
      refuse = error;
    },
  };
}
