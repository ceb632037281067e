/** The agent of the demo: one handler, defined once. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { GatewayClient } from "../../4runr/index.js";
import type { Action, Principal } from "../../aureus/index.js";
import { equip, type GateSource } from "../../bridge/index.js";
import { jsonSchema } from "../../core/json-schema.js";
import type { HandlerDefinition } from "../../handler/index.js";
import { textOfPage } from "./page-server.js";
import { summarize, type TextSummary } from "./summarize.js";

/** What is to be done. */
export interface DigestInput {
  readonly url: string;
  /** Publishing is a critical action: no agent may do it by itself. Default: false. */
  readonly publish?: boolean;
}

/** What was done. */
export interface DigestOutput {
  readonly summary: TextSummary;
  readonly savedAs: string;
}

const write = { action: "write", resource: "file", intent: "write", dataZone: "internal" } as const;

/** Who acts. */
export const principal: Principal = { id: "demo-agent", type: "agent", permissions: [write] };

const saving: Action = {
  id: "save-summary",
  name: "Save a summary",
  riskTier: "medium",
  requiredPermissions: [write],
};
const publishing: Action = { ...saving, id: "publish-summary", name: "Publish", riskTier: "critical" };

const input = jsonSchema<DigestInput>({
  type: "object",
  properties: { url: { type: "string", minLength: 1 }, publish: { type: "boolean" } },
  required: ["url"],
});

const output = jsonSchema<DigestOutput>({
  type: "object",
  properties: { summary: { type: "object" }, savedAs: { type: "string" } },
  required: ["summary", "savedAs"],
});

/** Fetches a page through 4Runr, summarises it, and saves the summary when Aureus lets it. */
export function digestHandler(tools: GatewayClient, gate: GateSource, folder: string): HandlerDefinition {
  return equip({ tools, gate }).defineHandler({
    description: "Summarises a web page and saves the summary.",
    input,
    output,
    async run({ url, publish = false }, ctx) {
      ctx.progress({ percent: 10, message: "fetching the page" });
      const page = await ctx.tools.proxy("http_fetch", "get", { url });
      const summary = summarize(textOfPage(page.body ?? ""));
      ctx.progress({ percent: 60, message: `${summary.words} words counted` });
      await ctx.gate.require(publish ? publishing : saving);
      await ctx.gate.requireCommit("summary", { id: ctx.correlationId, data: summary });
      const savedAs = join(folder, `summary-${ctx.correlationId}.json`);
      await writeFile(savedAs, JSON.stringify(summary));
      ctx.progress({ percent: 100, message: "saved" });
      return { summary, savedAs };
    },
  });
}
