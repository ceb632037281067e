import type { DescEnum, FileRegistry } from "@bufbuild/protobuf";
import * as core from "../../core/errors.js";
import { pascalCase } from "../emit.js";
import { asRecord } from "../openapi/openapi.js";
import { readSource } from "../source.js";
import { enumComments } from "./bus-types.js";
import { flag, matching, number, oneOf, optional, TableFindings, text } from "./entry-checks.js";

/** One registered error code with all that is generated for it. */
export interface ErrorCodeSpec {
  /** Value of the enum without its prefix, as TypeScript shows it. */
  readonly name: string;
  readonly code: number;
  readonly className: string;
  /** Class of the package that it is an instance of too. Undefined where nothing is known of the code. */
  readonly parent: string | undefined;
  readonly retryable: boolean;
  /** Why a job with this code did not succeed, where one word says so. */
  readonly reason: string | undefined;
  readonly doc: string;
}

/** `errors.yaml`, resolved against the enum of the codes. */
export interface ErrorsSpec {
  readonly file: string;
  readonly type: DescEnum;
  readonly codes: readonly ErrorCodeSpec[];
}

/** The classes of the package that say what a caller can do. */
const parents = Object.entries(core)
  .filter(
    ([name, value]) => typeof value === "function" && name.endsWith("Error") && name !== "AgentwireError",
  )
  .map(([name]) => name);

/**
 * Reads and checks the table of error codes. A code without an entry gets a class named after it and what its range
 * says.
 * @throws SpecError naming file and line of every wrong entry
 */
export function readErrors(root: string, file: string, registry: FileRegistry): ErrorsSpec {
  const source = readSource(root, file);
  const data = asRecord(source.data);
  const findings = new TableFindings(source);
  const decision = {
    extends: oneOf(parents),
    retryable: optional(flag),
    reason: optional(oneOf(["denied", "timeout"])),
  };
  findings.known([], data, ["enum", "ranges", "codes"], "is not a known section");

  const ranges = (Array.isArray(data.ranges) ? (data.ranges as unknown[]) : []).map(asRecord);
  for (const [index, range] of ranges.entries())
    findings.entry(["ranges", index], range, { from: number, to: number, ...decision });

  const type = registry.getEnum(String(data.enum));
  if (type === undefined) findings.add(["enum"], `${String(data.enum)} is not an enum of the protos`);
  const values = (type?.values ?? []).filter(({ number: code }) => code !== 0);
  const entries = asRecord(data.codes);
  const known = values.map(({ localName }) => localName);
  findings.known(["codes"], entries, known, `is not a value of ${String(data.enum)}`);
  const comments = type === undefined ? new Map<number, string>() : enumComments(type);
  const className = matching(/^[A-Z][A-Za-z0-9]*Error$/, "the name of an error class");

  const owners = new Map<string, string>();
  const codes = values.map(({ localName: name, number: code }): ErrorCodeSpec => {
    const given = Object.hasOwn(entries, name);
    if (given) findings.entry(["codes", name], entries[name], { class: className, ...decision, doc: text });
    const range = ranges.find(({ from, to }) => Number(from) <= code && code <= Number(to)) ?? {};
    const entry = given ? asRecord(entries[name]) : range;
    const type = given ? String(entry.class) : `${pascalCase(name.toLowerCase())}Error`;
    const owner = owners.get(type) ?? (parents.includes(type) ? "the package" : undefined);
    if (owner !== undefined)
      findings.add(
        ["codes", name],
        `would have the class ${type}, as ${owner} has: give it another \`class\``,
      );
    owners.set(type, name);
    return {
      name,
      code,
      className: type,
      parent: entry.extends === undefined ? undefined : String(entry.extends),
      retryable: entry.retryable === true,
      reason: entry.reason === undefined ? undefined : String(entry.reason),
      doc: `${code}: ${given ? String(entry.doc) : (comments.get(code) ?? `${name}.`)}`,
    };
  });
  findings.throw();
  return { file, type: type!, codes };
}
