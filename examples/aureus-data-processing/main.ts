/** Reads a CSV file, checks it, adds up what each user did, writes the result: as an Aureus workflow. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { WorkflowSpec } from "agentwire/aureus";
import { AureusClient } from "agentwire/aureus";
import { lintWorkflow } from "agentwire/aureus/engine";
import type { LocalTool } from "agentwire/testing";
import { LocalAureus } from "agentwire/testing";

type Row = Record<string, string>;

const tools: Record<string, LocalTool> = {
  read_file: async ({ path }) => {
    const [header = "", ...lines] = (await readFile(String(path), "utf8")).trim().split("\n");
    const names = header.split(",");
    return lines.map((line) => Object.fromEntries(line.split(",").map((cell, at) => [names[at], cell])));
  },
  validate_schema: ({ columns }, { results }) => {
    const rows = results["read-data"] as Row[];
    const bad = rows.findIndex((row) => (columns as string[]).some((column) => !row[column]));
    if (bad >= 0) throw new Error(`row ${bad + 1} is not complete`);
    return { rows: rows.length };
  },
  transform_data: (_inputs, { results }) => {
    const totals: Record<string, number> = {};
    for (const { user = "", amount } of results["read-data"] as Row[]) {
      totals[user] = (totals[user] ?? 0) + Number(amount);
    }
    return totals;
  },
  write_file: async ({ path }, { results, context }) => {
    const text = JSON.stringify({ batch: context.batch_id, totals: results["process-data"] });
    await writeFile(String(path), text);
    return { bytes: text.length };
  },
};

const folder = await mkdtemp(join(tmpdir(), "agentwire-"));
const input = join(folder, "data.csv");
const output = join(folder, "result.json");
await writeFile(input, "user,amount\nada,100\ngrace,250\nada,50\n");

const workflow: WorkflowSpec = {
  id: "data-processing-001",
  name: "Data Processing Workflow",
  goal: "Process user data safely and reliably",
  constraints: ["Must validate all inputs", "Must log all operations"],
  successCriteria: ["All tasks complete successfully", "No data loss"],
  tasks: [
    {
      id: "read-data",
      name: "Read Input Data",
      type: "action",
      toolName: "read_file",
      inputs: { path: input },
      riskTier: "LOW",
      intent: "read",
      retry: { maxAttempts: 3, backoffMs: 1000, backoffMultiplier: 2, jitter: true },
    },
    {
      id: "validate-data",
      name: "Validate Data",
      type: "action",
      toolName: "validate_schema",
      inputs: { columns: ["user", "amount"] },
      riskTier: "LOW",
      intent: "read",
    },
    {
      id: "process-data",
      name: "Process Data",
      type: "action",
      toolName: "transform_data",
      riskTier: "MEDIUM",
      intent: "write",
      timeoutMs: 30_000,
    },
    {
      id: "save-results",
      name: "Save Results",
      type: "action",
      toolName: "write_file",
      inputs: { path: output },
      riskTier: "MEDIUM",
      intent: "write",
    },
  ],
  dependencies: {
    "read-data": [],
    "validate-data": ["read-data"],
    "process-data": ["validate-data"],
    "save-results": ["process-data"],
  },
};
console.log("lint findings:", lintWorkflow(workflow).length);

const server = await LocalAureus.start({ tools, apiKey: "your-api-key" });
const client = new AureusClient({ baseUrl: server.url, apiKey: "your-api-key", timeoutMs: 60_000 });
try {
  const result = await client.executeWorkflow(workflow, {
    context: { user_id: "12345", batch_id: "batch-001" },
    correlationId: "trace-001",
  });
  console.log("Workflow Status:", result.status);
  for (const [taskId, task] of Object.entries(result.taskResults)) {
    console.log(`Task ${taskId}: ${task.status}${task.error ? ` (${task.error})` : ""}`);
  }
  console.log("state:", (await client.getWorkflowStatus(workflow.id)).status);
  console.log("written:", await readFile(output, "utf8"));
} finally {
  await client.close();
  await server.close();
  await rm(folder, { recursive: true });
}
