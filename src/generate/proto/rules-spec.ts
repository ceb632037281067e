import type { DescEnum, DescField, DescMessage } from "@bufbuild/protobuf";
import { ScalarType } from "@bufbuild/protobuf";
import { type Finding, throwFindings } from "../finding.js";
import { readForm } from "../forms.js";
import type { YamlPath } from "../source.js";
import type { BusTypes } from "./bus-types.js";
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

/** Which fields a check is for. */
const fitting: Readonly<Record<CheckKind, { fits(field: DescField): boolean; what: string }>> = {
  filled: { fits: isText, what: "a text field" },
  present: { fits: ({ fieldKind }) => fieldKind === "message", what: "a message field" },
  equals: { fits: isNumber, what: "a number field" },
  sender: { fits: isText, what: "a text field" },
  member: { fits: isEnum, what: "an enum field" },
  specified: { fits: isEnum, what: "an enum field" },
  notNegative: { fits: isNumber, what: "a number field" },
  range: { fits: isNumber, what: "a number field" },
  atMost: { fits: isNumber, what: "a number field" },
  count: {
    fits: ({ fieldKind }) => fieldKind === "list" || fieldKind === "map",
    what: "a list or map field",
  },
};

/** A check as it is written. */
interface Entry extends Partial<Record<"to" | "min" | "max", number | string>> {
  readonly field: string;
  readonly check: CheckKind;
  readonly zero?: boolean;
  readonly text?: string;
  readonly as?: string;
  readonly ifAny?: readonly string[];
  readonly ifNone?: readonly string[];
}

/** `rules.yaml`, as it is written. */
interface Written {
  readonly texts?: Partial<Record<CheckKind, string>>;
  readonly packet?: readonly Entry[];
  readonly payloads?: Readonly<
    Record<string, { readonly prefix?: string; readonly checks: readonly Entry[] }>
  >;
  readonly workerTrust?: readonly string[];
}

/**
 * Reads and checks the table of rules.
 * @throws SpecError naming file and line of every wrong entry
 */
export function readRules(
  root: string,
  file: string,
  types: BusTypes,
  { constants }: SubjectsSpec,
): RulesSpec {
  const limit = Object.keys(constants).filter((name) => typeof constants[name]!.value === "number");
  const payload = types.payloads.map(({ localName }) => localName);
  const source = readForm(root, file, "rules", { limit, payload });
  const { texts = {}, packet = [], payloads = {}, workerTrust = [] } = (source.data ?? {}) as Written;
  const findings: Finding[] = [];
  const add = (path: YamlPath, message: string) =>
    findings.push(source.finding(path, `${path.join(".")} ${message}`));
  const numberOf = (value: unknown) => Number(constants[String(value)]?.value ?? value ?? 0);

  const fieldsOf = (path: YamlPath, message: DescMessage, dotted: string): DescField[] => {
    const found: DescField[] = [];
    let at: DescMessage | undefined = message;
    for (const name of dotted.split(".")) {
      const field: DescField | undefined = at?.fields.find((each) => each.name === name);
      if (field === undefined) {
        add(path, `${dotted} is not a field of ${message.name}`);
        return [];
      }
      found.push(field);
      at = field.fieldKind === "message" ? field.message : undefined;
    }
    return found;
  };

  const read = (path: YamlPath, entries: readonly Entry[], message: DescMessage, prefix = ""): FieldCheck[] =>
    entries.flatMap((entry, index) => {
      const at = [...path, index];
      const { check, zero = true, ifAny } = entry;
      const { fits, what } = fitting[check];
      const fields = fieldsOf([...at, "field"], message, entry.field);
      const field = fields.at(-1);
      if (field === undefined) return [];
      if (!fits(field)) add([...at, "check"], `${check} is for ${what}, ${field.name} is not one`);
      if (check === "sender" && !types.packet.fields.some(({ name }) => name === "sender_id"))
        add([...at, "check"], `sender needs a field sender_id in ${types.packet.name}`);
      const wording = entry.text ?? texts[check];
      if (wording === undefined) add(at, `has no text, and texts has none for ${check}`);
      const [to, min, max] = [numberOf(entry.to), numberOf(entry.min), numberOf(entry.max)];
      const limitText = check === "equals" ? `${to}` : check === "range" ? `${min}..${max}` : `${max}`;
      const key = ifAny === undefined ? "ifNone" : "ifAny";
      const conditions = (entry[key] ?? []).flatMap((name, i) =>
        fieldsOf([...at, key, i], message, name).slice(0, 1),
      );
      for (const { fieldKind, name } of conditions)
        if (fieldKind !== "scalar" && fieldKind !== "enum")
          add([...at, key], `${name} must be a scalar or enum field`);
      return {
        check,
        path: fields,
        issue: entry.as ?? (prefix === "" ? entry.field : `${prefix}.${entry.field}`),
        text: String(wording).replaceAll("{limit}", limitText),
        ...{ to, min, max, zero },
        ...(conditions.length === 0 ? {} : { condition: { any: key === "ifAny", fields: conditions } }),
      };
    });

  const messages = new Map(types.payloads.map(({ localName, message }) => [localName, message!]));
  const spec: RulesSpec = {
    packet: read(["packet"], packet, types.packet),
    payloads: new Map(
      Object.entries(payloads).map(([name, { prefix, checks }]) => [
        name,
        read(["payloads", name, "checks"], checks, messages.get(name)!, prefix),
      ]),
    ),
    workerTrust: new Set(workerTrust),
  };
  throwFindings(findings);
  return spec;
}

/** The enum of a field that a `member` check is for. */
export function enumOf({ path }: FieldCheck): DescEnum {
  const { enum: type } = path.at(-1)!;
  if (type === undefined) throw new TypeError("a member check is for enum fields");
  return type;
}
