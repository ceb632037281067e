/** `examples/batch.process`: hashes a list, tells how far it is, and ends between two items when cancelled. */
import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { jsonSchema } from "agentwire";
import { defineHandler } from "agentwire/handler";

interface BatchInput {
  readonly items: readonly string[];
  readonly perItemMs?: number;
}

interface BatchOutput {
  readonly processed: number;
  readonly results: readonly { readonly item: string; readonly sha256: string }[];
  readonly durationMs: number;
}

export const batchProcess = defineHandler({
  description: "Hashes every item of a list, with progress per item.",
  input: jsonSchema<BatchInput>({
    type: "object",
    additionalProperties: false,
    required: ["items"],
    properties: {
      items: { type: "array", minItems: 1, maxItems: 1_000, items: { type: "string" } },
      perItemMs: { type: "integer", minimum: 0, maximum: 10_000, default: 200 },
    },
  }),
  output: jsonSchema<BatchOutput>({
    type: "object",
    required: ["processed", "results", "durationMs"],
    properties: {
      processed: { type: "integer" },
      results: { type: "array", items: { type: "object", required: ["item", "sha256"] } },
      durationMs: { type: "number" },
    },
  }),
  async run({ items, perItemMs = 200 }, ctx) {
    const started = performance.now();
    const results: { item: string; sha256: string }[] = [];
    for (const [index, item] of items.entries()) {
      ctx.signal.throwIfAborted();
      await sleep(perItemMs, undefined, { signal: ctx.signal });
      results.push({ item, sha256: createHash("sha256").update(item).digest("hex") });
      const percent = ((index + 1) / items.length) * 100;
      ctx.progress({ percent, message: `${index + 1} of ${items.length}`, data: { item } });
    }
    return { processed: results.length, results, durationMs: performance.now() - started };
  },
});
