import { readFileSync } from "node:fs";
import { join } from "node:path";
import { it } from "vitest";
import { expectEnd, newProject } from "./folder.ts";
import { installed } from "./pack.ts";

const app = `import { Agent, generateKeyPair, InMemoryBlobStore, MemoryBus } from "agentwire/cap";
import { decodePacket, encodePacket, openPacket, PacketLink, validatePacket } from "agentwire/cap/packet";
import { protocol } from "../gen/cap/index.js";

const [bus, store] = [new MemoryBus().connect(), new InMemoryBlobStore()];
const { privateKeyPem: privateKey, publicKeyPem } = await generateKeyPair();
const publicKeys = { client: publicKeyPem, worker: publicKeyPem, auditor: publicKeyPem };
const shared = { bus, privateKey, publicKeys, protocol } as const;

const auditor = new PacketLink({ ...shared, senderId: "auditor" });
let audited!: (text: string) => void;
const seen = new Promise<string>((resolve, reject) => {
  audited = resolve;
  setTimeout(reject, 20_000, new Error("no audit came")).unref();
});
await auditor.receive("sys.job.audit", {
  onPacket: ({ payload }) => {
    if (payload.case === "jobAudit") audited(\`\${payload.value.jobId} \${payload.value.note}\`);
  },
});
const raw: Uint8Array[] = [];
await bus.subscribe("sys.job.audit", ({ data }) => void raw.push(data));

const agent = new Agent({ ...shared, store, senderId: "worker" });
agent.job("job.greet", async (_input, ctx) => {
  const tier: string = ctx.request.tenantTier;
  // @ts-expect-error a field that is not in the fork
  void ctx.request.tenantTire;
  await auditor.send("sys.job.audit", { case: "jobAudit", value: { jobId: ctx.jobId, note: tier } });
  // @ts-expect-error a payload that is not in the fork
  void (() => auditor.send("sys.job.audit", { case: "jobAudits", value: {} }));
  return tier;
});
await agent.start();

const client = new PacketLink({ ...shared, senderId: "client" });
await store.set("ctx:j1", new TextEncoder().encode("null"));
const request = { jobId: "j1", topic: "job.greet", tenantTier: "gold", contextPtr: "redis://ctx:j1" };
await client.send("job.greet", { case: "jobRequest", value: request });
const text = await seen;

// A peer without the fork: it verifies, keeps and forwards what it does not know, and says so.
const message = decodePacket(raw[0]!);
const again = Buffer.from(encodePacket(message)).equals(Buffer.from(raw[0]!));
const opened = await openPacket(raw[0]!, { keys: undefined, check: () => {} });
console.log(text, again, opened.payload.case, validatePacket(message).map(({ message }) => message).join());
await agent.close();
`;

const audit = `syntax = "proto3";

package cordum.agent.v1;

// Somebody looked at a job.
message JobAudit {
  string job_id = 1;
  string note = 2;
}
`;

it("a fork of the protos of CAP: a field and a payload more, in three files over those of the package", async () => {
  const project = newProject("protoFork");
  const folder = "cordum/agent/v1";
  const fork = (file: string, before: string, line: string) => {
    const own = `proto/${folder}/${file}`;
    project.write(own, readFileSync(join(installed, "specs/cap", folder, file), "utf8"));
    project.replace(own, before, `${line}\n${before}`);
  };
  fork("job.proto", "  ResourceRef context_ref = 20;", "  string tenant_tier = 21;");
  fork("buspacket.proto", "  }\n  // ECDSA", "    JobAudit job_audit = 31;");
  const packet = `proto/${folder}/buspacket.proto`;
  project.replace(
    packet,
    'agent/v1/alert.proto";',
    'agent/v1/alert.proto";\nimport "cordum/agent/v1/audit.proto";',
  );
  project.write(`proto/${folder}/audit.proto`, audit);
  project.write("src/app.ts", app);
  project.write(
    "agentwire.config.json",
    JSON.stringify({ specs: { cap: { proto: "proto", extends: "agentwire/specs/cap", out: "gen/cap" } } }),
  );

  await expectEnd(project.agentwire("gen"), 0);
  await expectEnd(project.agentwire("gen", "--check"), 0);
  await expectEnd(project.compile(), 0);
  const unknown = "is not known to this version: field 31";
  await expectEnd(project.start("src/app.ts"), 0, `j1 gold true undefined ${unknown}`);
  await expectEnd(project.agentwire("check"), 0, "0 breaks");

  project.replace(`proto/${folder}/job.proto`, "  string tenant_tier = 21;\n", "  bool tenant_tier = 2;\n");
  const place = new RegExp(`proto/${folder}/job\\.proto:\\d+:\\d+`);
  await expectEnd(project.agentwire("gen"), 2, place);
  project.replace(`proto/${folder}/job.proto`, "  bool tenant_tier = 2;\n", "");
  project.replace(`proto/${folder}/job.proto`, "  string adapter_id = 5;\n", "  int32 adapter_id = 5;\n");
  await expectEnd(project.agentwire("check"), 1, place);
  await expectEnd(project.agentwire("gen", "--check"), 1, "stale");
});
