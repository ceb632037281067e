/** A tool of an MCP server as a capability: its schemas, and the call behind it. */
import type { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { CallToolResultSchema, McpError, type Progress, type Tool } from "@modelcontextprotocol/sdk/types.js";
import type { JsonSchema } from "agentwire";
import { defineHandler, type HandlerDefinition, type ProgressUpdate } from "agentwire/handler";

/** What a tool without an output schema gives. */
const envelope: JsonSchema = {
  type: "object",
  required: ["content"],
  properties: { content: { type: "array", items: { type: "object", required: ["type"] } } },
};

/** Errors of JSON-RPC that say the call itself is wrong: method not found, invalid params. */
const hopeless = new Set([-32601, -32602]);

/**
 * The handler of a tool. A tool that reports an error fails for good; a server that is gone, or too slow, is for
 * the workflow to try again. `timeoutMs` is the longest silence: progress starts it again.
 */
export function toolHandler(client: Client, tool: Tool, timeoutMs = 60_000): HandlerDefinition {
  return defineHandler({
    description: tool.description,
    input: tool.inputSchema as JsonSchema,
    output: (tool.outputSchema as JsonSchema | undefined) ?? envelope,
    async run(input, ctx) {
      const params = { name: tool.name, arguments: (input ?? {}) as Record<string, unknown> };
      const result = await client
        .request({ method: "tools/call", params }, CallToolResultSchema, {
          signal: ctx.signal,
          timeout: timeoutMs,
          resetTimeoutOnProgress: true,
          onprogress: (progress) => ctx.progress(updateOf(progress)),
        })
        .catch((error: unknown) => {
          if (error instanceof McpError && hopeless.has(error.code))
            ctx.fail(error.message, { code: "MCP_REFUSED" });
          throw error;
        });
      const { content, structuredContent, isError } = result;
      if (isError) {
        const text = content.flatMap((part) => (part.type === "text" ? [part.text] : [])).join("\n");
        ctx.fail(text || `${tool.name} failed`, { code: "MCP_TOOL_ERROR" });
      }
      return tool.outputSchema === undefined ? { content } : structuredContent;
    },
  });
}

function updateOf({ progress, total, message }: Progress): ProgressUpdate {
  if (total) return { percent: Math.min(Math.max((progress / total) * 100, 0), 100), message };
  return { message, data: { progress } };
}
