/**
 * A decoded packet as JSON, in the form of ProtoJSON, with everything a peer may have sent: map keys such as
 * `__proto__`, times out of range, and the fields this version does not know, which are listed apart.
 */
import type { DescField, DescMessage } from "@bufbuild/protobuf";

/** A field that is not in the specs of this version. */
export interface UnknownField {
  /** Names in the proto files, then the number: `job_request.99`. */
  readonly path: string;
  readonly number: number;
  readonly wireType: string;
  /** Its value as it stands on the wire, in hex. */
  readonly hex: string;
}

const WIRE_TYPES: Readonly<Record<number, string>> = {
  0: "varint",
  1: "i64",
  2: "len",
  3: "group",
  5: "i32",
};

type Fields = Readonly<Record<string, unknown>>;

/** The fields of a message, and its unknown fields. Fields with their default value are left out. */
export function messageToJson(
  desc: DescMessage,
  message: unknown,
): { readonly fields: Record<string, unknown>; readonly unknown: readonly UnknownField[] } {
  const unknown: UnknownField[] = [];
  const fields = convert(desc, message as Fields, "", unknown) as Record<string, unknown>;
  return { fields, unknown };
}

function convert(desc: DescMessage, message: Fields, path: string, unknown: UnknownField[]): unknown {
  collectUnknown(message, path, unknown);
  if (desc.typeName === "google.protobuf.Timestamp") return timeText(message);
  const out: Record<string, unknown> = {};
  for (const field of desc.fields) {
    const value = fieldValue(field, message);
    if (value === undefined) continue;
    const shown = show(field, value, path === "" ? field.name : `${path}.${field.name}`, unknown);
    if (shown !== undefined) put(out, field.jsonName, shown);
  }
  return out;
}

function fieldValue(field: DescField, message: Fields): unknown {
  if (field.oneof === undefined) return message[field.localName];
  const chosen = message[field.oneof.localName] as { case?: string; value?: unknown } | undefined;
  return chosen?.case === field.localName ? chosen.value : undefined;
}

function show(field: DescField, value: unknown, path: string, unknown: UnknownField[]): unknown {
  const one = (item: unknown, at: string): unknown => {
    if (field.message !== undefined) {
      // A Struct is plain JSON already.
      if (field.message.typeName === "google.protobuf.Struct") return item;
      return convert(field.message, item as Fields, at, unknown);
    }
    if (field.enum !== undefined) return field.enum.value[item as number]?.name ?? item;
    return scalar(item);
  };
  if (field.fieldKind === "list") {
    const items = value as readonly unknown[];
    return items.length === 0 ? undefined : items.map((item, at) => one(item, `${path}[${at}]`));
  }
  if (field.fieldKind === "map") {
    const out: Record<string, unknown> = {};
    for (const [key, item] of Object.entries(value as Fields)) put(out, key, one(item, `${path}.${key}`));
    return Object.keys(out).length === 0 ? undefined : out;
  }
  // In a oneof the default value says something: that this member was chosen.
  if (field.fieldKind !== "message" && field.oneof === undefined && isDefault(value)) return undefined;
  return one(value, path);
}

function isDefault(value: unknown): boolean {
  if (value instanceof Uint8Array) return value.length === 0;
  return value === "" || value === 0n || value === false || Object.is(value, 0);
}

function scalar(value: unknown): unknown {
  if (typeof value === "bigint") return String(value);
  if (value instanceof Uint8Array) return Buffer.from(value).toString("base64");
  if (Object.is(value, -0)) return "-0"; // as a JSON number it would lose its sign
  return typeof value === "number" && !Number.isFinite(value) ? String(value) : value;
}

function timeText({ seconds, nanos }: Fields): unknown {
  const [whole, part] = [Number(seconds), Number(nanos)];
  const date = new Date(whole * 1_000);
  const fits = !Number.isNaN(date.getTime()) && part >= 0 && part < 1e9 && /^\d{4}-/.test(date.toISOString());
  if (!fits) return { seconds: String(seconds), nanos: part };
  const fraction =
    part === 0
      ? ""
      : `.${String(part)
          .padStart(9, "0")
          .replace(/(?:000){1,2}$/, "")}`;
  return date.toISOString().replace(/\.\d+Z$/, `${fraction}Z`);
}

function collectUnknown(message: Fields, path: string, unknown: UnknownField[]): void {
  type Raw = readonly { readonly no: number; readonly wireType: number; readonly data: Uint8Array }[];
  for (const { no, wireType, data } of (message.$unknown as Raw | undefined) ?? []) {
    unknown.push({
      path: path === "" ? String(no) : `${path}.${no}`,
      number: no,
      wireType: WIRE_TYPES[wireType] ?? String(wireType),
      hex: Buffer.from(data).toString("hex"),
    });
  }
}

/** Sets an own field, also one named `__proto__`. */
function put(target: Record<string, unknown>, key: string, value: unknown): void {
  Object.defineProperty(target, key, { value, enumerable: true, writable: true, configurable: true });
}
