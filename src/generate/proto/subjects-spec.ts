import { asRecord } from "../openapi/openapi.js";
import { readSource, type Source } from "../source.js";
import { type Check, matching, oneOf, optional, TableFindings, text, texts } from "./entry-checks.js";

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
  const findings = new TableFindings(source);
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
  findings.known([], data, Object.keys(sections), "is not a known section");
  for (const [section, members] of Object.entries(sections)) {
    for (const [name, value] of Object.entries(asRecord(data[section]))) {
      if (!/^[a-z][A-Za-z0-9]*$/.test(name)) findings.add([section, name], "must be a camelCase name");
      findings.entry([section, name], value, members);
      const entry = asRecord(value);
      const list = Array.isArray(entry.consumers) ? entry.consumers : [];
      for (const [index, consumer] of list.entries()) {
        const { queue } = asRecord(consumer);
        if (queue !== undefined && !Object.hasOwn(asRecord(data.queues), String(queue))) {
          findings.add(
            [section, name, "consumers", index, "queue"],
            `${String(queue)} is not one of the queues`,
          );
        }
      }
    }
  }
  const seen = new Map<unknown, string>();
  for (const [name, entry] of Object.entries(asRecord(data.subjects))) {
    const value = asRecord(entry).subject;
    if (seen.has(value))
      findings.add(["subjects", name, "subject"], `is the same as that of ${seen.get(value)}`);
    seen.set(value, name);
  }
  findings.throw();
  return { source, ...(data as Omit<SubjectsSpec, "source">) };
}
