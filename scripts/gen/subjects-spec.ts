import type { Finding } from "./finding.ts";
import { throwFindings } from "./finding.ts";
import { asRecord } from "./openapi.ts";
import { readSource, type Source, type YamlPath } from "./source.ts";

/** A subject or subject template of `specs/cap/subjects.yaml`. */
export interface SubjectSpec {
  readonly subject: string;
  readonly payload: string;
  readonly reply?: string;
  readonly publishers: readonly string[];
  readonly consumers: readonly { readonly role: string; readonly queue?: string }[];
  readonly queue?: "subject" | "none";
  readonly delivery: string;
  readonly doc: string;
}

/** `specs/cap/subjects.yaml`, valid. */
export interface SubjectsSpec {
  readonly source: Source;
  readonly queues: Readonly<Record<string, { readonly value: string; readonly doc: string }>>;
  readonly subjects: Readonly<Record<string, SubjectSpec>>;
  readonly templates: Readonly<Record<string, SubjectSpec>>;
  readonly streams: Readonly<
    Record<string, { readonly stream: string; readonly subjects: readonly string[]; readonly doc: string }>
  >;
  readonly names: Readonly<
    Record<string, { readonly pattern: string; readonly token?: readonly string[]; readonly doc: string }>
  >;
  readonly constants: Readonly<Record<string, { readonly value: string | number; readonly doc: string }>>;
}

type Check = (value: unknown) => string | undefined;

const text: Check = (value) => (typeof value === "string" && value !== "" ? undefined : "must be text");
const texts: Check = (value) =>
  Array.isArray(value) && value.length > 0 && value.every((item) => text(item) === undefined)
    ? undefined
    : "must be a list of texts";
const oneOf =
  (allowed: readonly string[]): Check =>
  (value) =>
    allowed.includes(String(value)) ? undefined : `must be one of ${allowed.join(", ")}`;
const matching =
  (pattern: RegExp, what: string): Check =>
  (value) =>
    typeof value === "string" && pattern.test(value) ? undefined : `must be ${what}`;
const optional =
  (check: Check): Check =>
  (value) =>
    value === undefined ? undefined : check(value);

const subject = matching(
  /^[\w-]+(\.[\w-]+)*(\.>)?$/,
  "a subject (dot-separated tokens, `>` only at the end)",
);
const template = matching(/^[\w-]+(\.([\w-]+|<\w+>))*$/, "a subject with a <part>");
const consumers: Check = (value) =>
  Array.isArray(value) && value.length > 0 && value.every((item) => text(asRecord(item).role) === undefined)
    ? undefined
    : "must be a list of { role, queue? }";

/**
 * Reads and checks the subject table. `payloads` are the payload cases of BusPacket.
 * @throws SpecError naming file and line of every wrong entry
 */
export function readSubjects(root: string, file: string, payloads: readonly string[]): SubjectsSpec {
  const source = readSource(root, file);
  const data = asRecord(source.data);
  const findings: Finding[] = [];
  const fail = (path: YamlPath, message: string) =>
    findings.push(source.finding(path, `${path.join(".")} ${message}`));
  const delivery = oneOf(["durable", "best-effort", "direct"]);
  const payload = oneOf([...payloads, "any"]);
  const shared = { payload, publishers: texts, consumers, delivery, doc: text };
  const sections: Readonly<Record<string, Readonly<Record<string, Check>>>> = {
    queues: { value: text, doc: text },
    subjects: { subject, ...shared, reply: optional(oneOf(payloads)) },
    templates: { subject: template, ...shared, queue: oneOf(["subject", "none"]) },
    streams: { stream: matching(/^[A-Z0-9_]+$/, "a stream name"), subjects: texts, doc: text },
    names: { pattern: matching(/<\w+>/, "text with a <part>"), token: optional(texts), doc: text },
    constants: { value: (value) => (typeof value === "number" ? undefined : text(value)), doc: text },
  };
  for (const section of Object.keys(data))
    if (!Object.hasOwn(sections, section)) fail([section], "is not a known section");
  for (const [section, members] of Object.entries(sections)) {
    for (const [name, value] of Object.entries(asRecord(data[section]))) {
      if (!/^[a-z][A-Za-z0-9]*$/.test(name)) fail([section, name], "must be a camelCase name");
      const entry = asRecord(value);
      for (const key of Object.keys(entry))
        if (!Object.hasOwn(members, key)) fail([section, name, key], "is not known");
      for (const [key, check] of Object.entries(members)) {
        const problem = check(entry[key]);
        if (problem !== undefined) fail([section, name, key], problem);
      }
      const list = Array.isArray(entry.consumers) ? entry.consumers : [];
      for (const [index, consumer] of list.entries()) {
        const { queue } = asRecord(consumer);
        if (queue !== undefined && !Object.hasOwn(asRecord(data.queues), String(queue))) {
          fail([section, name, "consumers", index, "queue"], `${String(queue)} is not one of the queues`);
        }
      }
    }
  }
  const seen = new Map<unknown, string>();
  for (const [name, entry] of Object.entries(asRecord(data.subjects))) {
    const value = asRecord(entry).subject;
    if (seen.has(value)) fail(["subjects", name, "subject"], `is the same as that of ${seen.get(value)}`);
    seen.set(value, name);
  }
  throwFindings(findings);
  return { source, ...(data as Omit<SubjectsSpec, "source">) };
}

/** The cases of a oneof in a proto file, in the camelCase that protobuf-es gives them. */
export function oneofCases(proto: string, name: string): string[] {
  const code = proto.replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, "");
  const body = new RegExp(`\\boneof\\s+${name}\\s*\\{([^}]*)\\}`).exec(code)?.[1] ?? "";
  return [...body.matchAll(/(\w+)\s*=\s*\d+/g)].map(([, field]) =>
    field!.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase()),
  );
}
