/** The tables beside the protos of CAP: what they give, and that each wrong entry is named with its line. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import config from "../../agentwire.config.ts";
import { ErrorCode, protocol } from "../../gen/cap/index.js";
import * as cap from "../../src/cap/index.js";
import { emitErrors } from "../../src/generate/proto/errors.ts";
import { readErrors } from "../../src/generate/proto/errors-spec.ts";
import { type BusSpec, readBus } from "../../src/generate/proto/proto.ts";
import { readRules } from "../../src/generate/proto/rules-spec.ts";

const root = join(import.meta.dirname, "..", "..");
const folder = mkdtempSync(join(tmpdir(), "agentwire-tables-"));
let bus: BusSpec;
beforeAll(async () => {
  bus = await readBus(root, config.specs.cap);
});
afterAll(() => rmSync(folder, { recursive: true }));

/** A table of CAP with one text replaced. */
function changed(file: string, from: string, to: string): string {
  const text = readFileSync(join(root, "specs/cap", file), "utf8");
  expect(text).toContain(from);
  writeFileSync(join(folder, file), text.replace(from, to));
  return file;
}

describe("rules.yaml", () => {
  it.each([
    ["field: trace_id", "field: trace", "packet.0.field trace is not a field of BusPacket"],
    ["field: meta.risk_tags", "field: meta.risk", "checks.4.field meta.risk is not a field of JobRequest"],
    [
      "field: trace_id, check: filled",
      "field: trace_id, check: full",
      "packet.0.check must be one of filled,",
    ],
    [
      "field: step_index, check: notNegative",
      "field: step_index, check: filled",
      "checks.3.check filled is for a text field, step_index is not one",
    ],
    ["max: maxMapEntries", "max: maxEntries", "checks.4.max must be a number or a constant of the subjects"],
    ["min: 0, max: 100", "min: 0", "checks.1.max is missing"],
    ["  range: must be {limit}\n", "", "checks.1 has no text, and texts has none for range"],
    ["heartbeat:\n    prefix", "heartbeats:\n    prefix", "payloads.heartbeats must be one of jobRequest,"],
    ["  - workerHandshakeResult", "  - workerHandshakeResults", "workerTrust.3 must be one of jobRequest,"],
    ["check: present", "check: present, maybe: 1", "packet.3.maybe is not known"],
    ["ifAny: [severity", "ifAny: [severities", "severities is not a field of SystemAlert"],
    ["workerTrust:", "workersTrust:", "workersTrust is not known"],
  ])("with %j turned into %j is refused", (from, to, message) => {
    const file = changed("rules.yaml", from, to);
    const check = () => readRules(folder, file, bus.types, bus.subjects);
    expect(check).toThrow(message);
    expect(check).toThrow(/^rules\.yaml:\d+:\d+: /);
  });
});

describe("errors.yaml", () => {
  const read = (from: string, to: string) =>
    readErrors(folder, changed("errors.yaml", from, to), bus.types.registry);

  it.each([
    ["JOB_NOT_FOUND:", "JOB_NOWHERE:", "codes.JOB_NOWHERE must be one of "],
    ["extends: NotFoundError", "extends: LostError", "codes.JOB_NOT_FOUND.extends must be one of "],
    ["class: DuplicateJobError", "class: JobTimeoutError", "as JOB_TIMEOUT has: give it another `class`"],
    ["class: DuplicateJobError", "class: TimeoutError", "as the package has: give it another `class`"],
    ["from: 100", "from: one", "ranges.0.from must be a number"],
    ["enum: cordum", "enum: kordum", "is not an enum of the protos"],
    ["reason: timeout", "reason: late", "codes.JOB_TIMEOUT.reason must be one of denied, timeout"],
  ])("with %j turned into %j is refused", (from, to, message) => {
    expect(() => read(from, to)).toThrow(message);
    expect(() => read(from, to)).toThrow(/^errors\.yaml:\d+:\d+: /);
  });

  it("may leave a code out: its range says what its class is", () => {
    const entry = / {2}SAFETY_RISK_TAG_BLOCKED:\n(?: {4}.*\n)+/.exec(
      readFileSync(join(root, "specs/cap/errors.yaml"), "utf8"),
    )![0];
    const errors = read(entry, "");
    expect(errors.codes.find(({ name }) => name === "SAFETY_RISK_TAG_BLOCKED")).toEqual({
      name: "SAFETY_RISK_TAG_BLOCKED",
      code: 302,
      className: "SafetyRiskTagBlockedError",
      parent: "PolicyDeniedError",
      retryable: false,
      reason: "denied",
      doc: "302: SAFETY_RISK_TAG_BLOCKED.",
    });
    expect(emitErrors(errors, (module) => `${module}.js`)).toContain(
      "export class SafetyRiskTagBlockedError extends CAPError {",
    );
  });
});

describe("the protocol object", () => {
  it("says of every payload where it is published and how it travels", () => {
    expect(protocol.payloads.jobRequest).toMatchObject({
      number: 10,
      subjects: ["sys.job.submit", "job.<pool>", "worker.<worker_id>.jobs"],
      travels: "packet",
    });
    const phases = Object.entries(protocol.payloads).filter(([, { travels }]) => travels === "worker-trust");
    expect(phases.map(([name]) => name)).toEqual([
      "workerHandshakeChallengeRequest",
      "workerHandshakeChallenge",
      "workerHandshakeAuthenticate",
      "workerHandshakeResult",
    ]);
  });

  it("has the exported class of every registered error code", () => {
    const codes = Object.keys(ErrorCode).filter((name) => Number(name) > 0);
    expect(Object.keys(protocol.errorCodes)).toEqual(codes);
    for (const [code, { name, type }] of Object.entries(protocol.errorCodes)) {
      expect(ErrorCode[Number(code)]).toBe(name);
      expect(type.numericCode).toBe(Number(code));
      expect(Object.values(cap)).toContain(type);
    }
  });
});
