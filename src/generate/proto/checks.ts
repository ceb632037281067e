import type { DescField } from "@bufbuild/protobuf";
import { ScalarType } from "@bufbuild/protobuf";
import type { BusTypes } from "./bus-types.js";
import { importsFrom, tsName } from "./proto-imports.js";
import { enumOf, type FieldCheck, type RulesSpec } from "./rules-spec.js";

const pathText = (base: string, path: readonly DescField[]) =>
  [base, ...path.map(({ localName }) => localName)].join(".");

/** The condition under which a check finds an issue. `value` is the code of the field. */
function broken(check: FieldCheck, value: string): string {
  switch (check.check) {
    case "filled":
      return `${value} === ""`;
    case "present":
      return `${value} === undefined`;
    case "equals":
      return `${value} !== ${check.to}`;
    case "sender":
      return `${value} !== senderId`;
    case "member": {
      const unknown = `${tsName(enumOf(check))}[${value}] === undefined`;
      return check.zero ? unknown : `!(${value} !== 0 && ${tsName(enumOf(check))}[${value}] !== undefined)`;
    }
    case "specified":
      return `${value} === 0`;
    case "notNegative":
      return `!(${value} >= 0)`;
    case "range":
      return `!(${value} >= ${check.min} && ${value} <= ${check.max})`;
    case "atMost":
      return `${value} > ${check.max}`;
    case "count":
      return check.path.at(-1)!.fieldKind === "map"
        ? `Object.keys(${value}).length > ${check.max}`
        : `${value}.length > ${check.max}`;
  }
}

function isSet(field: DescField): string {
  const value = `value.${field.localName}`;
  if (field.fieldKind === "enum") return `${value} !== 0`;
  return field.scalar === ScalarType.STRING ? `${value} !== ""` : `Boolean(${value})`;
}

function conditionText({ condition }: FieldCheck): string {
  if (condition === undefined) return "";
  const any = condition.fields.map(isSet).join(" || ");
  return condition.any ? any : `!(${any})`;
}

function statement(check: FieldCheck, indent: string): string {
  const value = pathText("value", check.path);
  // A field below messages is checked only where they are there.
  const guards = check.path
    .slice(0, -1)
    .map((_, i) => `${pathText("value", check.path.slice(0, i + 1))} !== undefined`);
  const condition = [...guards, broken(check, value)].join(" && ");
  const text = check.text.includes("{value}")
    ? `\`${check.text.replaceAll(/[`\\$]/g, "\\$&").replaceAll("{value}", `\${${value}}`)}\``
    : JSON.stringify(check.text);
  return `${indent}if (${condition})\n${indent}  issues.push({ field: ${JSON.stringify(check.issue)}, message: ${text} });\n`;
}

/** The checks one after the other, those under the same condition in one block. */
function statements(checks: readonly FieldCheck[], indent: string): string {
  let code = "";
  let open = "";
  for (const check of checks) {
    const condition = conditionText(check);
    if (condition !== open) {
      if (open !== "") code += `${indent}}\n`;
      if (condition !== "") code += `${indent}if (${condition}) {\n`;
      open = condition;
    }
    code += statement(check, open === "" ? indent : `${indent}  `);
  }
  return open === "" ? code : `${code}${indent}}\n`;
}

/** `checks.ts`: the field checks of the packet and of its payloads as two functions. */
export function emitChecks(types: BusTypes, rules: RulesSpec): string {
  const all = [rules.packet, ...rules.payloads.values()].flat();
  const enums = new Set(all.filter(({ check }) => check === "member").map(enumOf));
  const packet = types.packet.name;
  const cases = [...rules.payloads].map(
    ([name, checks]) =>
      `    case ${JSON.stringify(name)}: {\n      const { value } = payload;\n${statements(checks, "      ")}      return;\n    }\n`,
  );
  const senderId = [...rules.payloads.values()].flat().some(({ check }) => check === "sender");
  return `${importsFrom([types.packet], "type")}${importsFrom([...enums], "value")}
/** One broken rule. */
export interface PacketIssue {
  /** Path in the names of the proto files, such as \`budget.deadline_ms\`. */
  readonly field: string;
  readonly message: string;
}

/** Adds the broken rules of the packet itself. */
export function checkEnvelope(value: ${packet}, issues: PacketIssue[]): void {
${statements(rules.packet, "  ")}}

/** Adds the broken rules of the payload. */
export function checkPayload({ payload${senderId ? ", senderId" : ""} }: ${packet}, issues: PacketIssue[]): void {
  switch (payload.case) {
${cases.join("")}  }
}
`;
}
