/** Messages of the conformance kit's adapter protocol, version 1: JSON lines, both ways. */
import { ProtocolError } from "../../src/core/errors.js";

/** What the runner says. */
export type RunnerMessage =
  | { readonly type: "hello" }
  | {
      readonly type: "run";
      readonly id: string;
      readonly scenario: string;
      readonly params: Readonly<Record<string, unknown>>;
    }
  | { readonly type: "bye" };

/** How a case went. */
export type CaseStatus = "PASS" | "FAIL" | "ERROR" | "UNSUPPORTED" | "N/A";

/** What the adapter says first. */
export interface AdapterHandshake {
  readonly type: "handshake";
  readonly protocolVersion: 1;
  readonly role: "worker" | "control-plane";
  readonly profiles: readonly string[];
  readonly features: readonly string[];
  readonly sdk: { readonly name: string; readonly version: string };
  readonly transport: string;
}

/** What the adapter answers to a run. */
export interface CaseResult {
  readonly type: "result";
  /** As the run had it. */
  readonly id: string;
  readonly status: CaseStatus;
  /** One line for people. */
  readonly detail: string;
  /** What was seen. */
  readonly evidence: Readonly<Record<string, unknown>>;
}

const FIELDS: Readonly<Record<string, readonly string[]>> = {
  hello: ["type", "protocolVersion"],
  run: ["type", "id", "scenario", "params"],
  bye: ["type"],
};

/** A line that is refused, and the run it was to be, where it says so. */
export class RefusedLine extends ProtocolError {
  static override readonly brands: readonly string[] = ["RefusedLine"];
  readonly id: string | undefined;

  constructor(message: string, id: string | undefined) {
    super(message, { code: "REFUSED_LINE" });
    this.id = id;
  }
}

/** Reads a line. @throws RefusedLine for one that is not JSON, of another type, or with fields of no meaning. */
export function readRunnerMessage(line: string): RunnerMessage {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw new RefusedLine("a line that is not JSON", undefined);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new RefusedLine("a line that is no object", undefined);
  }
  const message = value as Readonly<Record<string, unknown>>;
  const { type, id, scenario = id, params = {}, protocolVersion = 1 } = message;
  const runId = type === "run" && typeof id === "string" ? id : undefined;
  const fields = typeof type === "string" && Object.hasOwn(FIELDS, type) ? FIELDS[type] : undefined;
  if (fields === undefined) throw new RefusedLine(`a message of type ${JSON.stringify(type)}`, runId);
  const unknown = Object.keys(message).filter((name) => !fields.includes(name));
  if (unknown.length > 0) throw new RefusedLine(`unknown fields: ${unknown.join(", ")}`, runId);
  if (protocolVersion !== 1) throw new RefusedLine("a protocolVersion other than 1", runId);
  if (type !== "run") return { type: type as "hello" | "bye" };
  if (runId === undefined || runId === "") throw new RefusedLine("a run without an id", undefined);
  if (typeof scenario !== "string") throw new RefusedLine("a scenario that is no text", runId);
  if (typeof params !== "object" || params === null || Array.isArray(params)) {
    throw new RefusedLine("params that are no object", runId);
  }
  return { type: "run", id: runId, scenario, params: params as Readonly<Record<string, unknown>> };
}
