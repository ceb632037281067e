import { printKey, printValue } from "../emit.js";
import type { BusTypes } from "./bus-types.js";
import type { ErrorsSpec } from "./errors-spec.js";
import { importsFrom, tsName } from "./proto-imports.js";
import type { RulesSpec } from "./rules-spec.js";
import type { SubjectsSpec } from "./subjects-spec.js";

/** `protocol.ts`: all tables of the protocol as one object. */
export function emitProtocol(
  { packet, payloads }: BusTypes,
  { subjects, templates }: SubjectsSpec,
  rules: RulesSpec | undefined,
  errors: ErrorsSpec | undefined,
): string {
  const all = [...Object.values(subjects), ...Object.values(templates)];
  const rows = payloads.map(({ localName, number, message }) => {
    const own = all.filter(({ payload }) => payload === localName).map(({ subject }) => subject);
    const travels = rules?.workerTrust.has(localName) ? "worker-trust" : "packet";
    return `    ${printKey(localName)}: {
      number: ${number},
      schema: ${tsName(message!)}Schema,
      subjects: ${printValue(own, 6, 10)},
      travels: "${travels}",
    },\n`;
  });
  const name = tsName(packet);
  const modules = [
    'import { blanks } from "./blanks.js";\n',
    rules === undefined
      ? ""
      : 'import { checkEnvelope, checkPayload, type PacketIssue } from "./checks.js";\n',
    importsFrom([packet, ...payloads.map(({ message }) => message!)], "schema"),
    importsFrom([packet], "type"),
    errors === undefined ? "" : 'import * as errors from "./errors.js";\n',
    'import { type PayloadKind, STREAMS, SUBJECT_TEMPLATES, SUBJECTS, type SubjectEntry, type SubjectTemplateEntry } from "./subjects.js";\n',
  ];
  const checkTypes =
    rules === undefined
      ? ""
      : `  /** Adds the broken rules of the packet itself. */
  readonly checkEnvelope: (packet: ${name}, issues: PacketIssue[]) => void;
  /** Adds the broken rules of its payload. */
  readonly checkPayload: (packet: ${name}, issues: PacketIssue[]) => void;
`;
  const errorTypes =
    errors === undefined
      ? ""
      : `  /** The registered error codes, by number. */
  readonly errorCodes: { readonly [code: number]: ErrorCodeEntry };
`;
  const errorRows = (errors?.codes ?? []).map(
    ({ name: key, code, className, reason }) =>
      `  ${code}: { name: ${JSON.stringify(key)}, type: errors.${className}${reason === undefined ? "" : `, reason: ${JSON.stringify(reason)}`} },\n`,
  );
  const errorEntry =
    errors === undefined
      ? ""
      : `
/** What is registered for an error code. */
export interface ErrorCodeEntry {
  /** Value of the enum. */
  readonly name: string;
  /** The class an error with this code has. */
  readonly type: typeof errors.CAPError;
  /** Why a job with this code did not succeed, where one word says so. */
  readonly reason?: "denied" | "timeout";
}

/** Every registered error code, by its number. */
export const errorCodes: { readonly [code: number]: ErrorCodeEntry } = {
${errorRows.join("")}};
`;
  return `import type { DescMessage } from "@bufbuild/protobuf";
${modules.join("")}
/** What the protocol says about a payload. */
export interface PayloadEntry {
  /** Number of its field in the packet. */
  readonly number: number;
  readonly schema: DescMessage;
  /** Where it is published; \`<part>\` stands for a variable. */
  readonly subjects: readonly string[];
  /** As an ordinary packet, or only as a phase of the worker trust exchange. */
  readonly travels: "packet" | "worker-trust";
}
${errorEntry}
/** The tables of a protocol. */
export interface CapProtocol {
  readonly packet: typeof ${name}Schema;
  readonly payloads: Readonly<Record<PayloadKind, PayloadEntry>>;
  readonly subjects: Readonly<Record<string, SubjectEntry>>;
  readonly templates: Readonly<Record<string, SubjectTemplateEntry>>;
  readonly streams: Readonly<Record<string, { readonly stream: string; readonly subjects: readonly string[] }>>;
  /** Makes a message with nothing set, by the name of its type. */
  readonly blanks: { readonly [typeName: string]: () => object };
${checkTypes}${errorTypes}}

/** What the protos and the tables beside them say. */
export const protocol = {
  packet: ${name}Schema,
  payloads: {
${rows.join("")}  },
  subjects: SUBJECTS,
  templates: SUBJECT_TEMPLATES,
  streams: STREAMS,
  blanks,
${rules === undefined ? "" : "  checkEnvelope,\n  checkPayload,\n"}${errors === undefined ? "" : "  errorCodes,\n"}} as const satisfies CapProtocol;
`;
}
