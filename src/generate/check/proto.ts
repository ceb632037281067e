import { existsSync } from "node:fs";
import { join } from "node:path";
import type { ProtoSpec } from "../config.js";
import { type Finding, SpecError } from "../finding.js";
import { asRecord } from "../openapi/openapi.js";
import { renameFinding, withBase } from "../proto/base.js";
import { bufConfig, runBuf } from "../proto/buf.js";
import type { CapSpec } from "../proto/bus-types.js";
import { readBus } from "../proto/proto.js";
import { RuleBook } from "../rules.js";
import { withoutAccepted } from "./accepted.js";
import { countOf } from "./breaking.js";
import { attempt, type CheckResult } from "./check.js";

/** What buf checks (lint rules, format, no break against the last release), then the tables beside the protos. */
export function checkProto(
  root: string,
  name: string,
  given: ProtoSpec,
  searchPath?: string,
): Promise<CheckResult[]> {
  return attempt(`read ${name}`, given.proto, () =>
    withBase(root, given, async ({ spec, rename }) => {
      const results = await checkMerged(root, name, spec, searchPath);
      return results.map(({ findings, summary, failure, ...result }) => ({
        ...result,
        summary: rename(summary),
        findings: findings.map((finding) => renameFinding(finding, rename)),
        ...(failure === undefined ? {} : { failure: rename(failure) }),
      }));
    }),
  );
}

async function checkMerged(
  root: string,
  name: string,
  spec: ProtoSpec,
  searchPath?: string,
): Promise<CheckResult[]> {
  const { cap } = spec;
  const style = new RuleBook(spec.rules).mark("proto-style");
  const results = await Promise.all([
    style && checkLint(root, name, spec, style, searchPath),
    style && checkFormat(root, name, spec, style, searchPath),
    checkBreaking(root, name, spec, searchPath),
    cap && checkTables(root, name, { ...spec, cap }, searchPath),
  ]);
  return results.filter((result) => result !== undefined).flat();
}

type Style = Pick<Finding, "rule" | "severity">;

async function checkLint(
  root: string,
  name: string,
  spec: ProtoSpec,
  style: Style,
  searchPath?: string,
): Promise<CheckResult> {
  const { proto } = spec;
  const args = ["lint", proto, "--error-format", "json", ...bufConfig(root, spec)];
  const found = bufFindings(await runBuf(root, args, searchPath));
  const result = { name: `buf lint ${name}`, summary: proto };
  if (typeof found === "string") return { ...result, findings: [], failure: found };
  return { ...result, findings: found.map((finding) => ({ ...finding, ...style })) };
}

async function checkFormat(
  root: string,
  name: string,
  { proto }: ProtoSpec,
  style: Style,
  searchPath?: string,
): Promise<CheckResult> {
  const { ok, output } = await runBuf(root, ["format", proto, "-d", "--exit-code"], searchPath);
  const result = { name: `buf format ${name}`, summary: proto };
  if (ok) return { ...result, findings: [] };
  // Without a file there was nothing to compare.
  const file = /^\+\+\+ (\S+)/m.exec(output)?.[1];
  if (file === undefined) return { ...result, findings: [], failure: output || "buf format failed" };
  return {
    ...result,
    findings: [{ file, line: 1, column: 1, message: `not formatted\n${output}`, ...style }],
  };
}

/** The image of the last release. */
export function protoBaselineOf({ baseline, proto }: ProtoSpec): string {
  return baseline ?? `${proto}/baseline.binpb`;
}

async function checkBreaking(
  root: string,
  name: string,
  spec: ProtoSpec,
  searchPath?: string,
): Promise<CheckResult> {
  const { proto } = spec;
  const baseline = protoBaselineOf(spec);
  const result = { name: `buf breaking ${name}`, summary: `${proto} against ${baseline}` };
  if (spec.baseline === undefined && !existsSync(join(root, baseline))) {
    const summary = `${proto}: no baseline; \`agentwire check ${name} --update-baseline\` makes one`;
    return { ...result, summary, findings: [] };
  }
  const args = ["breaking", proto, "--against", baseline, "--error-format", "json", ...bufConfig(root, spec)];
  const found = bufFindings(await runBuf(root, args, searchPath));
  if (typeof found === "string") return { ...result, findings: [], failure: found };
  const keyed = found.map((finding) => {
    const key = `${finding.rule} ${finding.file}: ${finding.message}`;
    const message = `breaking: ${finding.message} (${key})`;
    return { key, finding: { ...finding, message, rule: "breaking" } };
  });
  const accepted = withoutAccepted(root, spec.acceptedBreaks ?? `${proto}/breaks.yaml`, keyed);
  const summary = `${result.summary}: ${countOf(found.length)}, ${accepted.accepted} accepted`;
  return { ...result, summary, findings: accepted.findings };
}

/** The lines of buf's JSON. Anything else is a failure of buf itself, such as a baseline that is missing: its text. */
function bufFindings({ ok, output }: { readonly ok: boolean; readonly output: string }): Finding[] | string {
  if (ok) return [];
  const findings = output.split("\n").map((line): Finding | undefined => {
    let item: unknown;
    try {
      item = JSON.parse(line);
    } catch {
      return undefined;
    }
    const { path, type, message, start_line: row = 1, start_column: column = 1 } = asRecord(item);
    if (typeof type !== "string") return undefined;
    return {
      file: String(path),
      line: Number(row),
      column: Number(column),
      message: String(message),
      rule: type,
    };
  });
  return findings.includes(undefined)
    ? output || "buf failed"
    : findings.filter((item) => item !== undefined);
}

function checkTables(root: string, name: string, spec: CapSpec, searchPath?: string): Promise<CheckResult[]> {
  const { subjects, rules, errors } = spec.cap;
  const files = [subjects, rules, errors].filter((file) => file !== undefined).join(", ");
  return attempt(`tables ${name}`, files, async () => {
    const { types } = await readBus(root, spec, searchPath);
    const summary = `${files}: ${types.payloads.length} payloads, ${types.messages.length} messages`;
    return [{ name: `tables ${name}`, summary, findings: [] }];
  });
}

/**
 * Takes the protos as they are now as the released ones.
 * @throws SpecError with buf's own text when they cannot be compiled
 */
export function updateProtoBaseline(root: string, given: ProtoSpec, searchPath?: string): Promise<void> {
  return withBase(root, given, async ({ spec }) => {
    const image = ["--exclude-source-info", "-o", protoBaselineOf(given)];
    const args = ["build", spec.proto, ...image, ...bufConfig(root, spec)];
    const { ok, output } = await runBuf(root, args, searchPath);
    if (!ok) throw new SpecError(`buf build failed\n${output}`);
  });
}
