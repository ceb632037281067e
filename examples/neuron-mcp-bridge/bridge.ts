/** Serves the tools of one MCP server as capabilities, and follows its list of tools. */
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import {
  ListToolsResultSchema,
  type Tool,
  ToolListChangedNotificationSchema,
} from "@modelcontextprotocol/sdk/types.js";
import { ajvValidator } from "agentwire";
import type { Neuron } from "agentwire/neuron";
import { toolHandler } from "./tools.ts";

export interface BridgeOptions {
  /** The MCP server: a program that speaks over its stdin and stdout. It does not get the neuron's variables. */
  readonly command: string;
  readonly args?: readonly string[];
  /** A tool is served as `{prefix}/{tool}`. */
  readonly prefix: string;
  /** Leases of one tool at a time. Default: 4. */
  readonly concurrency?: number;
  /** Makes a neuron, always with the same id: capabilities are fixed once a neuron has started. */
  readonly newNeuron: () => Neuron;
  readonly log?: (line: string) => void;
}

export interface McpBridge {
  /** Resolves when the server has ended, or was ended. */
  readonly closed: Promise<void>;
  /** Lets calls end, then ends the server. */
  close(): Promise<void>;
}

/** Starts the server, lists its tools, and serves them. Rejects when the server does not start. */
export async function startBridge(options: BridgeOptions): Promise<McpBridge> {
  const { command, args = [], prefix, concurrency = 4, newNeuron, log = () => {} } = options;
  const client = new Client({ name: "neuron-mcp-bridge", version: "1.0.0" });
  const validator = ajvValidator();
  let served: { readonly tools: string; readonly neuron: Neuron | undefined } | undefined;
  let closing = false;

  async function follow(): Promise<void> {
    if (closing) return;
    const tools = await usable(await listTools(client));
    const text = JSON.stringify(tools);
    if (text === served?.tools) return;
    // The running calls end first; what waits is handed back and comes to the next neuron.
    await served?.neuron?.stop();
    if (closing) return;
    const neuron = tools.length > 0 ? newNeuron() : undefined;
    for (const tool of tools)
      neuron?.handle(
        { type: `${prefix}/${tool.name}`, scope: "any", concurrency },
        toolHandler(client, tool),
      );
    served = { tools: text, neuron };
    await neuron?.start();
    log(`serving ${tools.map(({ name }) => name).join(", ") || "nothing"}`);
  }

  async function usable(tools: readonly Tool[]): Promise<Tool[]> {
    const kept: Tool[] = [];
    for (const tool of tools) {
      try {
        if (!/^[A-Za-z0-9_.-]+$/.test(tool.name))
          throw new Error("its name cannot be part of a capability type");
        for (const schema of [tool.inputSchema, tool.outputSchema ?? {}]) await validator.compile(schema);
        kept.push(tool);
      } catch (error) {
        log(`${JSON.stringify(tool.name)} is left out: ${String(error)}`);
      }
    }
    return kept;
  }

  const closed = new Promise<void>((resolve) => {
    client.onclose = resolve;
  });
  let turn = Promise.resolve();
  client.setNotificationHandler(ToolListChangedNotificationSchema, () => {
    turn = turn.then(follow).catch((error: unknown) => log(`the tools were not listed: ${String(error)}`));
  });
  await client.connect(new StdioClientTransport({ command, args: [...args], stderr: "inherit" }));
  turn = turn.then(follow);
  await turn;
  return {
    closed,
    async close() {
      closing = true;
      await turn;
      await served?.neuron?.stop();
      await client.close();
    },
  };
}

async function listTools(client: Client): Promise<Tool[]> {
  const tools: Tool[] = [];
  let cursor: string | undefined;
  do {
    const page = await client.request(
      { method: "tools/list", params: cursor === undefined ? {} : { cursor } },
      ListToolsResultSchema,
    );
    tools.push(...page.tools);
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  return tools;
}
