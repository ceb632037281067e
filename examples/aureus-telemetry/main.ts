import { createServer } from "node:http";
import { AureusClient, Telemetry } from "agentwire/aureus";

// A stand-in for an Aureus server. It executes nothing and fails every third report.
let reports = 0;
const server = createServer((request, response) => {
  request.resume().on("end", () => {
    const execute = request.url === "/api/v1/workflows/execute";
    const result = {
      workflow_id: "nightly-1",
      status: "success",
      task_results: { load: { task_id: "load", status: "success" } },
    };
    const failed = !execute && ++reports % 3 === 0;
    response.writeHead(failed ? 502 : 200, { "content-type": "application/json" });
    response.end(JSON.stringify(execute ? result : {}));
  });
});
await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
const { port } = server.address() as { port: number };

const client = new AureusClient({ baseUrl: `http://127.0.0.1:${port}`, apiKey: "your-api-key" });
const telemetry = new Telemetry({
  sink: client,
  correlationId: "trace-001",
  tags: { env: "example" },
  concurrency: 1,
  retry: { attempts: 2, minDelayMs: 0 }, // an attempt whose response was lost is retried: an item may arrive twice
});
telemetry.on("loss", ({ item, reason }) => console.log("lost", item.kind, reason));

const result = await telemetry.withSpan("nightly", async (span) => {
  telemetry.event({ type: "step_start", workflowId: "nightly-1", data: { step: "load" } });
  const load = span.child("execute").log("info", "handed over");
  const { status, taskResults } = await client.executeWorkflow(
    {
      id: "nightly-1",
      name: "Nightly load",
      tasks: [{ id: "load", name: "Load", type: "action", toolName: "load_file", riskTier: "LOW" }],
      dependencies: { load: [] },
    },
    { correlationId: "trace-001" },
  );
  load.setTag("status", status).end();
  telemetry.metric("tasks.done", Object.keys(taskResults).length);
  return status;
});
console.log("workflow", result);

await telemetry.close(); // sends what is still buffered
console.log(telemetry.stats);
await client.close();
server.close();
server.closeAllConnections();
