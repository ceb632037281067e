/** What there is to see in a neuron frame, or in a captured event stream of them. */
import { createHash } from "node:crypto";
import type { SchemaName } from "../../../gen/neuron/index.js";
import { schemaDocument } from "../../../gen/neuron/index.js";
import { errorText } from "../../core/errors.js";
import { isObject } from "../../core/json.js";
import { SseDecoder } from "../../http/sse.js";
import { checkClientFrame, isClientFrameType, parseServerFrame } from "../../neuron/frames.js";
import { masked } from "../masked.js";

/** A frame as `decode --json` prints it. */
export interface FrameView {
  readonly kind: "neuron-frame";
  /** Undefined where there is none. */
  readonly type: string | undefined;
  /** Undefined for a type that is not known. */
  readonly direction: "gateway to neuron" | "neuron to gateway" | undefined;
  /** Id of the event that brought it, in a stream. */
  readonly eventId?: string;
  /** Secrets are masked. */
  readonly fields: unknown;
  /** Length and digest of its compact JSON. */
  readonly bytes: number;
  readonly sha256: string;
  /** Members that are not in the specs of this version. */
  readonly unknownMembers: readonly string[];
  /** What is wrong with it; undefined when it matches. */
  readonly problem?: string;
}

interface Schema {
  readonly $ref?: string;
  readonly properties?: Readonly<Record<string, Schema & { readonly const?: unknown }>>;
  readonly additionalProperties?: unknown;
  readonly items?: Schema;
}

const schemas = schemaDocument.components.schemas as Readonly<Record<SchemaName, Schema>>;

/** Looks at a frame: anything that JSON can say. */
export function viewFrame(value: unknown, options: { readonly showSecrets?: boolean } = {}): FrameView {
  const type = isObject(value) && typeof value.type === "string" ? value.type : undefined;
  const ours = type !== undefined && isClientFrameType(type);
  const schema = Object.values(schemas).find(({ properties }) => type && properties?.type?.const === type);
  const text = Buffer.from(JSON.stringify(value) ?? "");
  const problem = problemOf(value, ours);
  return {
    kind: "neuron-frame",
    type,
    direction: schema === undefined ? undefined : ours ? "neuron to gateway" : "gateway to neuron",
    fields: options.showSecrets ? value : masked(value),
    bytes: text.length,
    sha256: createHash("sha256").update(text).digest("hex"),
    unknownMembers: schema === undefined ? [] : unknownMembers(value, schema, ""),
    ...(problem === undefined ? {} : { problem }),
  };
}

/** Looks at every event of a captured stream; the last one may have been cut off. */
export function viewEvents(
  bytes: Uint8Array,
  options: { readonly showSecrets?: boolean } = {},
): readonly FrameView[] {
  const views: FrameView[] = [];
  const decoder = new SseDecoder({
    maxEventBytes: Infinity,
    onEvent: ({ data, id }) => {
      const event = id === undefined ? {} : { eventId: id };
      views.push({ ...viewData(data, options), ...event });
    },
  });
  decoder.push(bytes);
  decoder.push(new TextEncoder().encode("\n\n"));
  return views;
}

function viewData(data: string, options: { readonly showSecrets?: boolean }): FrameView {
  try {
    return viewFrame(JSON.parse(data), options);
  } catch (error) {
    return { ...viewFrame(data, options), problem: `not JSON: ${errorText(error)}` };
  }
}

function problemOf(value: unknown, ours: boolean): string | undefined {
  try {
    if (ours) checkClientFrame(value as Parameters<typeof checkClientFrame>[0]);
    else parseServerFrame(value);
    return undefined;
  } catch (error) {
    return errorText(error);
  }
}

function unknownMembers(value: unknown, given: Schema, path: string): string[] {
  const name = given.$ref?.slice(given.$ref.lastIndexOf("/") + 1) as SchemaName | undefined;
  const schema = name === undefined ? given : schemas[name];
  if (Array.isArray(value)) {
    const { items } = schema;
    return items === undefined
      ? []
      : value.flatMap((item, at) => unknownMembers(item, items, `${path}[${at}]`));
  }
  const { properties } = schema;
  // Without a list of members anything may be there.
  if (!isObject(value) || properties === undefined) return [];
  return Object.entries(value).flatMap(([key, member]) => {
    const at = path === "" ? key : `${path}.${key}`;
    return Object.hasOwn(properties, key) ? unknownMembers(member, properties[key]!, at) : [at];
  });
}
