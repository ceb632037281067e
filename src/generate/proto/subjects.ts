import { camelCase } from "../../core/keys.js";
import { printDoc, printValue } from "../emit.js";
import type { SubjectSpec, SubjectsSpec } from "./subjects-spec.js";

/** `workflowEvent` → `WORKFLOW_EVENT`. */
function constantCase(name: string): string {
  return name.replace(/([A-Z])/g, "_$1").toUpperCase();
}

/** The `<parts>` of a pattern, in order. */
function partsOf(pattern: string): string[] {
  return [...pattern.matchAll(/<(\w+)>/g)].map(([, part]) => part!);
}

function builder(name: string, pattern: string, doc: string, token: readonly string[] = []): string {
  const args = partsOf(pattern).map((part) => `${camelCase(part)}: string`);
  const body = pattern.replace(/<(\w+)>/g, (_, part: string) => {
    const arg = camelCase(part);
    return token.includes(part) ? `\${consumerToken(${arg})}` : `\${${arg}}`;
  });
  const text = `${doc.trim()}\n\nPattern: \`${pattern}\`. The arguments are taken as they are.`;
  return `${printDoc(text)}export function ${name}(${args.join(", ")}): string {\n  return \`${body}\`;\n}\n`;
}

function row(
  { subject, payload, reply, publishers, consumers, queue, delivery }: SubjectSpec,
  spec: SubjectsSpec,
): unknown {
  const list = consumers.map((item) => ({
    role: item.role,
    queue: item.queue && spec.queues[item.queue]!.value,
  }));
  return { subject, payload, reply, publishers, consumers: list, queue, delivery };
}

function table(entries: Readonly<Record<string, SubjectSpec>>, spec: SubjectsSpec): string {
  const rows = Object.entries(entries).map(
    ([name, entry]) =>
      `${printDoc(entry.doc, 2)}  ${name}: ${printValue(row(entry, spec), 2, name.length + 2)},\n`,
  );
  return `{\n${rows.join("")}}`;
}

/** `subjects.ts`: the subject table of CAP as constants, builders and types. `packet` is the module of BusPacket. */
export function emitSubjects(spec: SubjectsSpec, packet: string): string {
  const constants = (
    prefix: string,
    entries: readonly (readonly [string, { value: unknown; doc: string }])[],
  ) =>
    entries
      .map(
        ([name, { value, doc }]) =>
          `${printDoc(doc)}export const ${prefix}${constantCase(name)} = ${printValue(value)};\n`,
      )
      .join("\n");
  const subjects = Object.entries(spec.subjects).map(
    ([name, { subject, doc }]) => [name, { value: subject, doc }] as const,
  );
  const streams = Object.fromEntries(
    Object.entries(spec.streams).map(([name, { stream, subjects: kept }]) => [
      name,
      { stream, subjects: kept },
    ]),
  );
  const builders = [
    ...Object.entries(spec.templates).map(([name, { subject, doc }]) =>
      builder(`${name}Subject`, subject, doc),
    ),
    ...Object.entries(spec.names).map(([name, { pattern, doc, token }]) =>
      builder(name, pattern, doc, token),
    ),
  ];
  return `import type { BusPacket } from "${packet}";

/** The kinds of payload a packet can carry, as protobuf names them in JSON. */
export type PayloadKind = NonNullable<BusPacket["payload"]["case"]>;

/** How a message is delivered; \`durable\` holds only where JetStream is on, \`direct\` is request and reply. */
export type Delivery = "durable" | "best-effort" | "direct";

/** What the protocol says about a subject. */
export interface SubjectEntry {
  readonly subject: string;
  readonly payload: PayloadKind | "any";
  /** Payload of the answer, for a subject of requests. */
  readonly reply?: PayloadKind;
  /** Who publishes, by role. */
  readonly publishers: readonly string[];
  /** Who subscribes, and in which queue group; without one every subscriber gets each message. */
  readonly consumers: readonly { readonly role: string; readonly queue?: string }[];
  readonly delivery: Delivery;
}

/** What the protocol says about a subject with a variable part. */
export interface SubjectTemplateEntry extends SubjectEntry {
  /** \`subject\`: the queue group has the name of the subject; \`none\`: there is no queue group. */
  readonly queue: "subject" | "none";
}

${constants("", Object.entries(spec.constants))}
${constants("QUEUE_", Object.entries(spec.queues))}
${constants("SUBJECT_", subjects)}
/** Every fixed subject, by name. */
export const SUBJECTS = ${table(spec.subjects, spec)} as const satisfies Readonly<Record<string, SubjectEntry>>;

/** Every subject with a variable part, by name; \`<part>\` stands for the variable. */
export const SUBJECT_TEMPLATES = ${table(spec.templates, spec)} as const satisfies Readonly<Record<string, SubjectTemplateEntry>>;

/** The JetStream streams and the subjects each keeps. */
export const STREAMS = ${printValue(streams)} as const;

/** A queue or subject as part of a consumer name, where \`.\`, \`*\` and \`>\` are not allowed. */
function consumerToken(text: string): string {
  return text.replaceAll(".", "_").replaceAll("*", "STAR").replaceAll(">", "GT");
}

${builders.join("\n")}`;
}
