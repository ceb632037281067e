/** A small MCP server over stdio, so that the bridge has one to serve. */
import { setTimeout as sleep } from "node:timers/promises";
import { Server } from "@modelcontextprotocol/sdk/server/index.js";
import { StdioServerTransport } from "@modelcontextprotocol/sdk/server/stdio.js";
import {
  CallToolRequestSchema,
  type CallToolResult,
  ErrorCode,
  ListToolsRequestSchema,
  McpError,
  type Tool,
} from "@modelcontextprotocol/sdk/types.js";

const number = { type: "number" };
const tools: Tool[] = [
  {
    name: "divide",
    description: "Divides a by b.",
    inputSchema: { type: "object", required: ["a", "b"], properties: { a: number, b: number } },
    outputSchema: { type: "object", required: ["quotient"], properties: { quotient: number } },
  },
  {
    name: "countdown",
    description: "Counts down, a step each 10 ms, and tells how far it is.",
    inputSchema: { type: "object", properties: { from: { type: "integer", minimum: 1, default: 3 } } },
  },
  {
    name: "cancellations",
    description: "Tells how many countdowns were cancelled.",
    inputSchema: { type: "object" },
  },
  {
    name: "learn",
    description: "Teaches the server a further tool, `greet`.",
    inputSchema: { type: "object" },
  },
  { name: "not a capability", inputSchema: { type: "object" } },
];
const greet: Tool = {
  name: "greet",
  inputSchema: { type: "object", required: ["name"], properties: { name: { type: "string" } } },
};
const text = (line: string): CallToolResult => ({ content: [{ type: "text", text: line }] });
let cancelled = 0;

const server = new Server(
  { name: "example", version: "1.0.0" },
  { capabilities: { tools: { listChanged: true } } },
);
// One tool per page: a list may come in pieces.
server.setRequestHandler(ListToolsRequestSchema, ({ params }) => {
  const at = Number(params?.cursor ?? 0);
  const more = at + 1 < tools.length ? { nextCursor: String(at + 1) } : {};
  return { tools: tools.slice(at, at + 1), ...more };
});
server.setRequestHandler(CallToolRequestSchema, async ({ params }, { signal, sendNotification }) => {
  const { name, arguments: given = {}, _meta } = params;
  switch (name) {
    case "divide": {
      if (given.b === 0) return { ...text("b must not be 0"), isError: true };
      const structuredContent = { quotient: (given.a as number) / (given.b as number) };
      return { ...text(JSON.stringify(structuredContent)), structuredContent };
    }
    case "countdown": {
      const total = (given.from as number | undefined) ?? 3;
      const token = _meta?.progressToken;
      signal.addEventListener("abort", () => cancelled++);
      for (let progress = 1; progress <= total; progress++) {
        await sleep(10, undefined, { signal });
        const message = String(total - progress);
        if (token !== undefined)
          await sendNotification({
            method: "notifications/progress",
            params: { progressToken: token, progress, total, message },
          });
      }
      return text("lift-off");
    }
    case "cancellations":
      return text(String(cancelled));
    case "learn":
      if (!tools.includes(greet)) tools.push(greet);
      await server.sendToolListChanged();
      return text("learned");
    case "greet":
      return text(`hello, ${String(given.name)}`);
    default:
      throw new McpError(ErrorCode.InvalidParams, `there is no tool ${name}`);
  }
});
await server.connect(new StdioServerTransport());
