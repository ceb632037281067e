/** An additive change of the protos of CAP needs `pnpm gen` and nothing else. Made on a copy of the tree. */
import { execFile } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import config from "../../agentwire.config.ts";
import { KeyRing } from "../../src/cap/index.js";
import { decodePacket, encodePacket, validatePacket } from "../../src/cap/packet.js";
import { verifyPacket } from "../../src/cap/verify.js";
import { checkProto } from "../../src/generate/check/proto.ts";
import { req } from "../requirements/index.ts";

const root = join(import.meta.dirname, "..", "..");
const copy = mkdtempSync(join(tmpdir(), "agentwire-additive-"));
const copied = [
  ...[
    "specs",
    "gen",
    "src",
    "scripts",
    "test/cap",
    "test/vectors/cap",
    "test/requirements",
    "test/recordings",
  ],
  ...["test/expected-differences.ts", "test/expected-differences.yaml", "test/runs.ts"],
  ...["buf.yaml", "agentwire.config.ts", "package.json", "tsconfig.json", "vitest.config.ts"],
];
const protos = "specs/cap/cordum/agent/v1";
const auditProto = `// What was noticed of a job.
syntax = "proto3";

package cordum.agent.v1;

option csharp_namespace = "Cordum.Agent.V1";
option go_package = "github.com/cordum-io/cap/v2/cordum/agent/v1";
option java_multiple_files = true;
option java_package = "io.cordum.cap.agent.v1";
option php_namespace = "cordum\\\\Agent\\\\V1";
option ruby_package = "Cordum::Agent::V1";

// What was noticed of a job.
message JobAudit {
  string job_id = 1;
  string note = 2;
}
`;
const auditSubject = `
  jobAudit:
    subject: sys.job.audit
    payload: jobAudit
    publishers: [client]
    consumers: [{ role: worker }]
    delivery: best-effort
    doc: What was noticed of a job.
`;

/** Puts text behind a text that stands in a file once. */
function insert(file: string, behind: string, text: string): void {
  const path = join(copy, file);
  const parts = readFileSync(path, "utf8").split(behind);
  if (parts.length !== 2) throw new Error(`${file} has ${JSON.stringify(behind)} ${parts.length - 1} times`);
  writeFileSync(path, parts.join(`${behind}${text}`));
}

/** Runs a tool of the project in the copy; a failure shows what it printed. */
async function run(tool: string, ...args: string[]): Promise<string> {
  try {
    const options = { cwd: copy, maxBuffer: 1 << 26 };
    return (await promisify(execFile)(join(copy, "node_modules/.bin", tool), args, options)).stdout;
  } catch (error) {
    const { stdout = "", stderr = "" } = error as { stdout?: string; stderr?: string };
    throw new Error(`${tool} ${args.join(" ")} failed\n${stdout}${stderr}`);
  }
}

beforeAll(async () => {
  for (const name of copied) {
    mkdirSync(dirname(join(copy, name)), { recursive: true });
    cpSync(join(root, name), join(copy, name), { recursive: true });
  }
  symlinkSync(join(root, "node_modules"), join(copy, "node_modules"));
  // A field of each kind that a proto may bring, an enum value of each kind, a message, a payload, an error code.
  insert(
    `${protos}/job.proto`,
    "  ResourceRef context_ref = 20;\n",
    "  string tenant_tier = 21;\n  optional uint32 shard = 22;\n  map<string, sint64> quotas = 23;\n  repeated fixed64 marks = 24;\n",
  );
  // Not 4: that 2.17.0 refuses it is one of the recorded verdicts.
  insert(`${protos}/job.proto`, "  JOB_PRIORITY_CRITICAL = 3;\n", "  JOB_PRIORITY_URGENT = 5;\n");
  insert(`${protos}/job.proto`, "  JOB_STATUS_FAILED_FATAL = 11;\n", "  JOB_STATUS_PAUSED = 12;\n");
  insert(
    `${protos}/job.proto`,
    "  ERROR_CODE_JOB_WORKER_UNAVAILABLE = 206;\n",
    "  ERROR_CODE_JOB_QUOTA_EXCEEDED = 207;\n",
  );
  writeFileSync(join(copy, `${protos}/audit.proto`), auditProto);
  insert(
    `${protos}/buspacket.proto`,
    'import "cordum/agent/v1/alert.proto";\n',
    'import "cordum/agent/v1/audit.proto";\n',
  );
  insert(
    `${protos}/buspacket.proto`,
    "    WorkerHandshakeResult worker_handshake_result = 22;\n",
    "    JobAudit job_audit = 31;\n",
  );
  insert("specs/cap/subjects.yaml", "\nsubjects:", auditSubject);
  cpSync(join(root, "test/gen/fixtures/additive.ts.txt"), join(copy, "additive.ts"));
  await run("tsx", "src/cli/main.ts", "gen", "cap");
}, 300_000);
afterAll(() => rmSync(copy, { recursive: true, force: true }));

describe("a field, a payload, an enum value and an error code that were added to the protos", () => {
  it("compile and pass the tests of CAP after `pnpm gen`", async () => {
    const include = ["src", "gen", "additive.ts"];
    writeFileSync(join(copy, "tsconfig.copy.json"), JSON.stringify({ extends: "./tsconfig.json", include }));
    await Promise.all([
      run("tsc", "-p", "tsconfig.copy.json"),
      // Limits on time are for the run around this one.
      run(
        "vitest",
        "run",
        "test/cap/",
        "--exclude",
        "test/cap/{nats/**,production-resources.test.ts}",
        "--testTimeout",
        "0",
      ),
    ]);
  }, 900_000);

  it(req("specs.breaking.proto", "are no break, and lint and tables hold"), async () => {
    const results = await checkProto(copy, "cap", config.specs.cap);
    expect(results.map(({ name, findings }) => [name, findings])).toEqual([
      ["buf lint cap", []],
      ["buf format cap", []],
      ["buf breaking cap", []],
      ["tables cap", []],
    ]);
  }, 300_000);

  it("travel signed from a client to a worker, and through a version that does not know them", async () => {
    const { publicKey, sent, ...arrived } = JSON.parse(await run("tsx", "additive.ts"));
    expect(arrived).toEqual({
      request: {
        tenantTier: "gold",
        shard: 0,
        quotas: ["tokens=-5"],
        marks: ["1", "9223372036854775808"],
        priority: "URGENT",
      },
      audit: { note: "seen", signed: true },
      paused: "PAUSED",
      error: [true, 207, false],
      refused: 0,
    });
    const keys = new KeyRing({ client: publicKey });
    const verdicts = {
      "job.echo": "priority: invalid value 5",
      "sys.job.audit": /^payload: is not known .* 31$/,
    };
    for (const [subject, verdict] of Object.entries(verdicts)) {
      const bytes = Uint8Array.from(Buffer.from(sent[subject], "base64"));
      const decoded = decodePacket(bytes);
      await expect(verifyPacket(decoded, bytes, keys)).resolves.toBe("spec");
      expect(Buffer.from(encodePacket(decoded)).toString("base64")).toBe(sent[subject]);
      const [issue] = validatePacket(decoded);
      expect(`${issue?.field}: ${issue?.message}`).toMatch(verdict);
    }
  }, 300_000);
});
