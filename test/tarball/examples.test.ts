import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { it } from "vitest";
import { expectEnd, newProject } from "./folder.ts";

const billing = `openapi: 3.0.3
info: { title: Billing, version: 1.0.0 }
paths:
  /bills/{id}:
    get:
      operationId: getBill
      parameters: [{ name: id, in: path, required: true, schema: { type: string } }]
      responses:
        "200": { description: The bill, content: { application/json: { schema: { $ref: "#/components/schemas/Bill" } } } }
        "404": { description: Not found, content: { application/json: { schema: { $ref: "#/components/schemas/Problem" } } } }
components:
  schemas:
    Problem: { type: object, required: [title], properties: { title: { type: string } } }
    Bill:
      type: object
      required: [id, paid_at]
      properties:
        id: { type: string }
        total: { type: integer }
        paid_at: { type: string, nullable: true }
`;

const billingApp = `import { BillingClient } from "../gen/billing/index.js";

const billing = new BillingClient({ baseUrl: process.argv[2]! });
const bill = await billing.getBill("b1", { timeoutMs: 2000 });
const total: number | undefined = bill.total;
const missing = await billing.getBill("b2").outcome();
console.log(total, bill.paidAt, !missing.ok && missing.status === 404 && missing.error.title);
`;

it("an OpenAPI document of one's own: generate, call, change it, see the break and the drift, accept", async () => {
  const project = newProject("ownDocument");
  project.write("specs/billing.yaml", billing);
  project.write("src/app.ts", billingApp);
  project.write(
    "agentwire.config.json",
    JSON.stringify({
      specs: {
        billing: {
          openapi: "specs/billing.yaml",
          out: "gen/billing",
          camelCase: true,
          recordings: "traffic/*.har",
        },
      },
    }),
  );
  const entry = (body: object) => ({
    request: { method: "GET", url: "https://billing.example.test/bills/b1" },
    response: { status: 200, content: { mimeType: "application/json", text: JSON.stringify(body) } },
  });
  const traffic = (...entries: object[]) =>
    project.write("traffic/a.har", JSON.stringify({ log: { version: "1.2", entries } }));
  traffic(entry({ id: "b1", total: 3, paid_at: null }));

  await expectEnd(project.agentwire("gen"), 0);
  await expectEnd(project.agentwire("gen", "--check"), 0);
  await expectEnd(project.compile(), 0);
  const server = createServer(({ url }, response) => {
    const isFound = url === "/bills/b1";
    response.writeHead(isFound ? 200 : 404, { "content-type": "application/json" });
    response.end(JSON.stringify(isFound ? { id: "b1", total: 3, paid_at: null } : { title: "gone" }));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    const { port } = server.address() as AddressInfo;
    await expectEnd(project.start("src/app.ts", `http://127.0.0.1:${port}`), 0, "3 null gone");
  } finally {
    server.close();
  }

  await expectEnd(project.agentwire("check", "--update-baseline"), 0);
  await expectEnd(project.agentwire("check"), 0);
  traffic(entry({ id: "b1", paid_at: 1 }));
  await expectEnd(project.agentwire("check"), 1, "a.har");
  traffic(entry({ id: "b1", total: 3, paid_at: null }));

  project.replace("specs/billing.yaml", "        total: { type: integer }\n", "");
  await expectEnd(project.agentwire("gen", "--check"), 1, "stale");
  await expectEnd(project.agentwire("check"), 1, /specs\/billing\.yaml:\d+:\d+: .*total/);
  await expectEnd(project.agentwire("gen"), 0);
  await expectEnd(project.compile(), 2, "src/app.ts(5,");
  const path = "components/schemas/Bill/properties/total";
  project.write(
    "specs/billing.breaks.yaml",
    JSON.stringify([{ path, action: "remove", reason: "The total is computed by callers." }]),
  );
  await expectEnd(project.agentwire("check"), 0);
  project.replace("specs/billing.yaml", 'schemas/Bill"', 'schemas/Gone"');
  await expectEnd(project.agentwire("gen"), 2, /specs\/billing\.yaml:\d+:\d+: .*Gone/);
});

const tools = `tools:
  jira:
    createIssue:
      idempotent: false
      params: { type: object, required: [project], properties: { project: { type: string } } }
      result: { type: object, required: [key], properties: { key: { type: string, examples: [X-1] } } }
`;

const toolsApp = `import { GatewayClient } from "agentwire/4runr";
import { tools } from "../gen/tools/index.js";

const gateway = new GatewayClient({ baseUrl: "mock://local", agentId: "a", logger: false, tools });
const { key } = await gateway.proxy("jira", "createIssue", { project: "X" });
const text: string = key;
// @ts-expect-error a parameter of the wrong type
const refused = gateway.proxy("jira", "createIssue", { project: 1 });
console.log(text, await refused.then(String, (error: Error) => error.message));
await gateway.close();
`;

it("4Runr tools of one's own in a small file: generate, call them typed, and have mistakes found", async () => {
  const project = newProject("ownTools");
  project.write("specs/tools.yaml", tools);
  project.write("src/app.ts", toolsApp);
  project.write(
    "agentwire.config.json",
    JSON.stringify({ specs: { mine: { tools: "specs/tools.yaml", out: "gen/tools" } } }),
  );
  await expectEnd(project.agentwire("gen"), 0);
  await expectEnd(project.agentwire("gen", "--check"), 0);
  await expectEnd(project.compile(), 0);
  await expectEnd(
    project.start("src/app.ts"),
    0,
    "X-1 Parameter validation failed: project: Expected string",
  );
  project.replace("specs/tools.yaml", "idempotent: false", "idempotent: no");
  await expectEnd(project.agentwire("gen"), 2, "specs/tools.yaml:4:7:");
});
