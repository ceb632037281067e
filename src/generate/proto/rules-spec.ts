import type { DescEnum, DescField, DescMessage } from "@bufbuild/protobuf";
import { ScalarType } from "@bufbuild/protobuf";
import { asRecord } from "../openapi/openapi.js";
import { readSource, type YamlPath } from "../source.js";
import type { BusTypes } from "./bus-types.js";
import { flag, number, oneOf, optional, TableFindings, text, texts } from "./entry-checks.js";
import type { SubjectsSpec } from "./subjects-spec.js";

/** What a check compares, by its name in the table. */
export type CheckKind =
  | "filled"
  | "present"
  | "equals"
  | "sender"
  | "member"
  | "specified"
  | "notNegative"
  | "range"
  | "atMost"
  | "count";

/** One check of a field, resolved against the protos. */
export interface FieldCheck {
  readonly check: CheckKind;
  /** The messages on the way and the field itself. */
  readonly path: readonly DescField[];
  /** The path the issue names. */
  readonly issue: string;
  /** The text of the issue, with `{value}` in it where the value belongs. */
  readonly text: string;
  readonly to: number;
  readonly min: number;
  readonly max: number;
  /** False where 0 is wrong although the enum has it. */
  readonly zero: boolean;
  /** Fields of the same message; the check is made only where one of them, or none, is set. */
  readonly condition?: { readonly any: boolean; readonly fields: readonly DescField[] };
}

/** `rules.yaml`, resolved against the protos. */
export interface RulesSpec {
  readonly packet: readonly FieldCheck[];
  /** By payload case. */
  readonly payloads: ReadonlyMap<string, readonly FieldCheck[]>;
  /** Payload cases that are phases of worker trust. */
  readonly workerTrust: ReadonlySet<string>;
}

const isText = (field: DescField) => field.fieldKind === "scalar" && field.scalar === ScalarType.STRING;
const isNumber = (field: DescField) =>
  field.fieldKind === "scalar" &&
  ![ScalarType.STRING, ScalarType.BYTES, ScalarType.BOOL].includes(field.scalar);
const isEnum = (field: DescField) => field.fieldKind === "enum";

/** Which fields a check is for, and what else it needs. */
const fitting: Readonly<
  Record<CheckKind, { fits(field: DescField): boolean; what: string; needs: readonly string[] }>
> = {
  filled: { fits: isText, what: "a text field", needs: [] },
  present: { fits: (field: DescField) => field.fieldKind === "message", what: "a message field", needs: [] },
  equals: { fits: isNumber, what: "a number field", needs: ["to"] },
  sender: { fits: isText, what: "a text field", needs: [] },
  member: { fits: isEnum, what: "an enum field", needs: [] },
  specified: { fits: isEnum, what: "an enum field", needs: [] },
  notNegative: { fits: isNumber, what: "a number field", needs: [] },
  range: { fits: isNumber, what: "a number field", needs: ["min", "max"] },
  atMost: { fits: isNumber, what: "a number field", needs: ["max"] },
  count: {
    fits: ({ fieldKind }: DescField) => fieldKind === "list" || fieldKind === "map",
    what: "a list or map field",
    needs: ["max"],
  },
} as const;
const checkNames = Object.keys(fitting) as CheckKind[];

/**
 * Reads and checks the table of rules.
 * @throws SpecError naming file and line of every wrong entry
 */
export function readRules(root: string, file: string, types: BusTypes, subjects: SubjectsSpec): RulesSpec {
  const source = readSource(root, file);
  const data = asRecord(source.data);
  const findings = new TableFindings(source);
  const cases = types.payloads.map(({ localName }) => localName);
  const standardTexts = asRecord(data.texts);
  const limit = (value: unknown) =>
    typeof value === "string" && Object.hasOwn(subjects.constants, value)
      ? number(subjects.constants[value]!.value)
      : number(value) && "must be a number or a constant of the subjects";
  const numberOf = (value: unknown) => Number(subjects.constants[String(value)]?.value ?? value ?? 0);
  const members = {
    field: text,
    check: oneOf(checkNames),
    to: optional(limit),
    min: optional(limit),
    max: optional(limit),
    zero: optional(flag),
    text: optional(text),
    as: optional(text),
    ifAny: optional(texts),
    ifNone: optional(texts),
  };

  const fieldsOf = (path: YamlPath, message: DescMessage, value: unknown): DescField[] => {
    const found: DescField[] = [];
    let at: DescMessage | undefined = message;
    for (const name of String(value).split(".")) {
      const field: DescField | undefined = at?.fields.find((each) => each.name === name);
      if (field === undefined) {
        findings.add(path, `${String(value)} is not a field of ${message.name}`);
        return [];
      }
      found.push(field);
      at = field.fieldKind === "message" ? field.message : undefined;
    }
    return found;
  };

  const read = (path: YamlPath, value: unknown, message: DescMessage, prefix: string): FieldCheck[] => {
    if (!Array.isArray(value)) findings.add(path, "must be a list of checks");
    return (Array.isArray(value) ? value : []).flatMap((item: unknown, index) => {
      const at = [...path, index];
      const entry = asRecord(item);
      findings.entry(at, entry, members);
      if (!checkNames.includes(entry.check as CheckKind)) return [];
      const check = entry.check as CheckKind;
      const { fits, what, needs } = fitting[check];
      const fields = fieldsOf([...at, "field"], message, entry.field);
      const field = fields.at(-1);
      if (field === undefined) return [];
      if (!fits(field)) findings.add([...at, "check"], `${check} is for ${what}, ${field.name} is not one`);
      for (const key of needs) if (entry[key] === undefined) findings.add(at, `${check} needs ${key}`);
      if (check === "sender" && !types.packet.fields.some(({ name }) => name === "sender_id"))
        findings.add([...at, "check"], `sender needs a field sender_id in ${types.packet.name}`);
      const wording = entry.text ?? standardTexts[check];
      if (text(wording) !== undefined) findings.add(at, `has no text, and texts has none for ${check}`);
      const to = numberOf(entry.to);
      const min = numberOf(entry.min);
      const max = numberOf(entry.max);
      const limitText = check === "equals" ? `${to}` : check === "range" ? `${min}..${max}` : `${max}`;
      const key = entry.ifAny === undefined ? "ifNone" : "ifAny";
      if (entry.ifAny !== undefined && entry.ifNone !== undefined)
        findings.add([...at, "ifNone"], "cannot stand beside ifAny");
      const names = Array.isArray(entry[key]) ? (entry[key] as unknown[]) : [];
      const conditions = names.flatMap((name, i) => fieldsOf([...at, key, i], message, name).slice(0, 1));
      for (const { fieldKind, name } of conditions)
        if (fieldKind !== "scalar" && fieldKind !== "enum")
          findings.add([...at, key], `${name} must be a scalar or enum field`);
      return [
        {
          check,
          path: fields,
          issue: String(entry.as ?? (prefix === "" ? entry.field : `${prefix}.${String(entry.field)}`)),
          text: String(wording).replaceAll("{limit}", limitText),
          to,
          min,
          max,
          zero: entry.zero !== false,
          ...(conditions.length === 0 ? {} : { condition: { any: key === "ifAny", fields: conditions } }),
        },
      ];
    });
  };

  findings.known([], data, ["texts", "packet", "payloads", "workerTrust"], "is not a known section");
  findings.entry(
    ["texts"],
    standardTexts,
    Object.fromEntries(checkNames.map((name) => [name, optional(text)])),
  );
  const packet = read(["packet"], data.packet ?? [], types.packet, "");
  const payloads = new Map<string, readonly FieldCheck[]>();
  for (const [name, value] of Object.entries(asRecord(data.payloads))) {
    const message = types.payloads.find(({ localName }) => localName === name)?.message;
    if (message === undefined) findings.add(["payloads", name], `must be one of ${cases.join(", ")}`);
    else {
      findings.known(["payloads", name], asRecord(value), ["prefix", "checks"], "is not known");
      const { prefix = "", checks } = asRecord(value);
      payloads.set(name, read(["payloads", name, "checks"], checks, message, String(prefix)));
    }
  }
  const phases = Array.isArray(data.workerTrust) ? (data.workerTrust as unknown[]) : [];
  for (const [index, phase] of phases.entries()) {
    const problem = oneOf(cases)(phase);
    if (problem !== undefined) findings.add(["workerTrust", index], problem);
  }
  findings.throw();
  return { packet, payloads, workerTrust: new Set(phases.map(String)) };
}

/** The enum of a field that a `member` check is for. */
export function enumOf({ path }: FieldCheck): DescEnum {
  const { enum: type } = path.at(-1)!;
  if (type === undefined) throw new TypeError("a member check is for enum fields");
  return type;
}
