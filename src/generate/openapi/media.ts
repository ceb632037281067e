import type { BodyKind, ResultKind } from "../../http/operation.js";
import type { YamlPath } from "../source.js";
import { asRecord, type Schema, type SchemaAt } from "./openapi.js";

/** A body in one of its media types. */
export interface Content {
  /** What the client makes of it. */
  readonly kind: BodyKind | Exclude<ResultKind, "none">;
  /** The media type, as it is written. */
  readonly type: string;
  readonly schema?: SchemaAt;
  /** Schema of the JSON in each event of a `text/event-stream`. */
  readonly event?: SchemaAt;
}

/** The body of a request, in the media type that the client sends. */
export interface Body extends Content {
  readonly kind: BodyKind;
  readonly required: boolean;
}

/** The media type of each kind of body, unless an operation says otherwise. */
export const USUAL_TYPES: Readonly<Record<BodyKind, string>> = {
  json: "application/json",
  form: "application/x-www-form-urlencoded",
  multipart: "multipart/form-data",
  text: "text/plain",
  bytes: "application/octet-stream",
};

function kindOf(type: string): Content["kind"] {
  const bare = type.split(";")[0]!.trim().toLowerCase();
  if (/^application\/(?:[^/]+\+)?json$/.test(bare)) return "json";
  if (bare === USUAL_TYPES.form) return "form";
  if (bare.startsWith("multipart/")) return "multipart";
  if (bare === "text/event-stream") return "events";
  return bare.startsWith("text/") ? "text" : "bytes";
}

/** All media types of a body. `path` leads to the object that has the `content`. */
export function readContent(content: unknown, path: YamlPath): Content[] {
  return Object.entries(asRecord(content)).map(([type, value]) => {
    const media = asRecord(value);
    const at = (key: string): SchemaAt | undefined =>
      media[key] === undefined
        ? undefined
        : { schema: asRecord(media[key]) as Schema, path: [...path, "content", type, key] };
    const [kind, schema] = [kindOf(type), at("schema")];
    // The schema of a stream is that of its text, or, as most documents mean it, of the JSON in each event.
    const event = at("x-event-data") ?? (schema?.schema.type === "string" ? undefined : schema);
    return { kind, type, ...(schema && { schema }), ...(kind === "events" && event && { event }) };
  });
}

/** The first content of the first of these kinds that there is. */
export function firstOf(
  contents: readonly Content[],
  kinds: readonly Content["kind"][],
): Content | undefined {
  return kinds.map((kind) => contents.find((content) => content.kind === kind)).find((found) => found);
}

/** The media type in which a request is sent: JSON if it may be, else the first one of the document. */
export function bodyOf(contents: readonly Content[], required: boolean): Body | undefined {
  for (const content of [firstOf(contents, ["json"]), ...contents]) {
    if (content === undefined) continue;
    const { kind, ...rest } = content;
    if (kind !== "events") return { kind, required, ...rest };
  }
  return undefined;
}
