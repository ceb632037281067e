/**
 * Makes a message from the values of some of its fields, as `create` of protobuf-es does, from the same plan
 * the encoder and the decoder use. `create` walks descriptors for every message, which costs a worker more
 * than encoding its result.
 */
import type { DescMessage, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import type { FieldPlan, MessagePlan } from "./field-plan.js";
import { planOf } from "./field-plan.js";
import { BYTES } from "./value-types.js";

type Fields = Record<string, unknown>;

/** A message with the given fields. What is a message already is taken as it is, not copied. */
export function createMessage<Desc extends DescMessage>(
  desc: Desc,
  init: MessageInitShape<Desc>,
): MessageShape<Desc> {
  return fill(planOf(desc), init as Fields) as unknown as MessageShape<Desc>;
}

function fill(plan: MessagePlan, init: Fields): Fields {
  if (init.$typeName === plan.desc.typeName) return init;
  const message = plan.blank();
  for (const key of Object.keys(init)) {
    const value = init[key];
    if (value === undefined || value === null) continue;
    const field = plan.byKey.get(key);
    if (field === undefined) fillGroup(plan, message, key, value);
    else if (field.oneof !== undefined)
      continue; // set through its group only
    else if (field.type !== undefined && field.type !== BYTES) message[key] = value;
    else message[key] = made(field, value);
  }
  return message;
}

function fillGroup(plan: MessagePlan, message: Fields, group: string, value: unknown): void {
  if (!plan.oneofs.includes(group)) return;
  const chosen = value as { readonly case?: string; readonly value?: unknown };
  const field = chosen.case === undefined ? undefined : plan.byKey.get(chosen.case);
  if (field?.oneof === group) message[group] = { case: field.key, value: one(field, chosen.value) };
}

function made(field: FieldPlan, value: unknown): unknown {
  if (field.shape === "list") return (value as readonly unknown[]).map((item) => one(field, item));
  if (field.shape === "single") return one(field, value);
  const map: Fields = {};
  for (const key of Object.keys(value as Fields)) {
    const item = one(field, (value as Fields)[key]);
    Object.defineProperty(map, key, { value: item, enumerable: true, configurable: true, writable: true });
  }
  return map;
}

function one(field: FieldPlan, value: unknown): unknown {
  if (field.type === BYTES) return Array.isArray(value) ? Uint8Array.from(value as number[]) : value;
  const isInit = field.type === undefined && !field.isStruct && typeof value === "object" && value !== null;
  return isInit ? fill(field.message!, value as Fields) : value;
}
