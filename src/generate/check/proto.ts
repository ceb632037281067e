import { dirname } from "node:path";
import type { ProtoConfig } from "../config.js";
import { SpecError } from "../finding.js";
import { asRecord } from "../openapi/openapi.js";
import { runBuf } from "../proto/buf.js";
import { readBus } from "../proto/proto.js";
import { type KeyedBreak, withoutAccepted } from "./accepted.js";
import type { CheckResult } from "./result.js";

/** What buf checks (lint rules, format, no break against the last release), then the tables beside the protos. */
export function checkProto(root: string, config: ProtoConfig, searchPath?: string): Promise<CheckResult[]> {
  const check = async (name: string, args: readonly string[]): Promise<CheckResult> => {
    const { ok, output } = await runBuf(root, args, searchPath);
    return {
      name: `buf ${name}`,
      summary: config.input,
      findings: ok ? [] : [output || `buf ${name} failed`],
    };
  };
  return Promise.all([
    check("lint", ["lint"]),
    check("format", ["format", "-d", "--exit-code"]),
    checkBreaking(root, config, searchPath),
    checkTables(root, config, searchPath),
  ]);
}

/** Where the breaks of the protos stand that were decided on. */
function acceptedOf({ acceptedBreaks, baseline }: ProtoConfig): string {
  return acceptedBreaks ?? `${dirname(baseline)}/accepted-breaks.yaml`;
}

async function checkBreaking(root: string, config: ProtoConfig, searchPath?: string): Promise<CheckResult> {
  const args = ["breaking", "--against", config.baseline, "--error-format", "json"];
  const { ok, output } = await runBuf(root, args, searchPath);
  const lines = ok ? [] : output.split("\n");
  const breaks = lines.map(protoBreak);
  const name = "buf breaking";
  // What is no break is a failure of buf itself, such as a baseline that is missing.
  if (breaks.includes(undefined))
    return { name, summary: config.baseline, findings: [output || `${name} failed`] };
  const known = breaks.filter((item) => item !== undefined);
  const { accepted, findings } = withoutAccepted(root, acceptedOf(config), known);
  const summary = `${config.input} against ${config.baseline}: ${known.length} breaks, ${accepted} accepted`;
  return { name, summary, findings };
}

/** A line of buf's JSON; undefined for anything else. Its rule is the action, file and message are the path. */
function protoBreak(line: string): KeyedBreak | undefined {
  let item: unknown;
  try {
    item = JSON.parse(line);
  } catch {
    return undefined;
  }
  const { path, type, message, start_line: row = 1, start_column: column = 1 } = asRecord(item);
  if (typeof type !== "string") return undefined;
  const key = `${type} ${String(path)}: ${String(message)}`;
  return {
    key,
    finding: `${String(path)}:${String(row)}:${String(column)}: breaking: ${String(message)} (${key})`,
  };
}

async function checkTables(root: string, config: ProtoConfig, searchPath?: string): Promise<CheckResult> {
  const files = [config.subjects, config.rules, config.errors].filter((file) => file !== undefined);
  const name = "tables";
  try {
    const { types } = await readBus(root, config, searchPath);
    const summary = `${files.join(", ")}: ${types.payloads.length} payloads, ${types.messages.length} messages`;
    return { name, summary, findings: [] };
  } catch (error) {
    if (!(error instanceof SpecError)) throw error;
    return { name, summary: files.join(", "), findings: [error.message] };
  }
}

/**
 * Takes the protos as they are now as the released ones.
 * @throws SpecError with buf's own text when they cannot be compiled
 */
export async function updateProtoBaseline(
  root: string,
  config: ProtoConfig,
  searchPath?: string,
): Promise<void> {
  const { ok, output } = await runBuf(
    root,
    ["build", "--exclude-source-info", "-o", config.baseline],
    searchPath,
  );
  if (!ok) throw new SpecError(`buf build failed\n${output}`);
}
