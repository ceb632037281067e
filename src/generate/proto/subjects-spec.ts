import { type Finding, throwFindings } from "../finding.js";
import { readForm } from "../forms.js";
import type { Source, YamlPath } from "../source.js";

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

/**
 * Reads and checks the subject table. `payloads` are the payload cases of BusPacket.
 * @throws SpecError naming file and line of every wrong entry
 */
export function readSubjects(root: string, file: string, payloads: readonly string[]): SubjectsSpec {
  const names = { payload: payloads, payloadOrAny: [...payloads, "any"] };
  const source = readForm(root, file, "subjects", names);
  const spec = { queues: {}, subjects: {}, templates: {}, streams: {}, names: {}, constants: {} };
  Object.assign(spec, source.data);
  const { queues, subjects, templates } = spec as Omit<SubjectsSpec, "source">;
  const findings: Finding[] = [];
  const add = (path: YamlPath, message: string) =>
    findings.push(source.finding(path, `${path.join(".")} ${message}`));
  const seen = new Map<string, string>();
  for (const [section, entries] of Object.entries({ subjects, templates })) {
    for (const [name, { subject, consumers }] of Object.entries(entries)) {
      for (const [index, { queue }] of consumers.entries())
        if (queue !== undefined && !Object.hasOwn(queues, queue))
          add([section, name, "consumers", index, "queue"], `${queue} is not one of the queues`);
      const other = seen.get(subject);
      if (other !== undefined) add([section, name, "subject"], `is the same as that of ${other}`);
      seen.set(subject, name);
    }
  }
  throwFindings(findings);
  return { source, ...(spec as Omit<SubjectsSpec, "source">) };
}
