import type { DescEnum, FileRegistry } from "@bufbuild/protobuf";
import * as core from "../../core/errors.js";
import { pascalCase } from "../emit.js";
import { type Finding, SpecError, throwFindings } from "../finding.js";
import { readForm } from "../forms.js";
import { asRecord } from "../openapi/openapi.js";
import { readSource } from "../source.js";
import { enumComments } from "./bus-types.js";

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
  const written = readSource(root, file);
  const enumName = String(asRecord(written.data).enum);
  const type = registry.getEnum(enumName);
  if (type === undefined)
    throw new SpecError([written.finding(["enum"], `${enumName} is not an enum of the protos`)]);
  const values = type.values.filter(({ number: code }) => code !== 0);
  const source = readForm(root, file, "errors", {
    parent: parents,
    code: values.map(({ localName }) => localName),
  });
  const data = asRecord(source.data);
  const ranges = ((data.ranges ?? []) as unknown[]).map(asRecord);
  const entries = asRecord(data.codes);
  const findings: Finding[] = [];
  const comments = enumComments(type);
  const owners = new Map<string, string>();
  const codes = values.map(({ localName: name, number: code }): ErrorCodeSpec => {
    const given = Object.hasOwn(entries, name);
    const range = ranges.find(({ from, to }) => Number(from) <= code && code <= Number(to)) ?? {};
    const entry = given ? asRecord(entries[name]) : range;
    const type = given ? String(entry.class) : `${pascalCase(name.toLowerCase())}Error`;
    const owner = owners.get(type) ?? (parents.includes(type) ? "the package" : undefined);
    if (owner !== undefined)
      findings.push(
        source.finding(
          ["codes", name],
          `codes.${name} would have the class ${type}, as ${owner} has: give it another \`class\``,
        ),
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
  throwFindings(findings);
  return { file, type, codes };
}
