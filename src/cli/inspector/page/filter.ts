/** The filter language: words, `key:value`, `-key:value`, `key:>number`, `*` for anything, quotes for blanks. */
import { msOf, type Row, statusOf } from "./rows.ts";

export type Test = (row: Row) => boolean;

type Field = (row: Row) => readonly (string | number | undefined)[];

const FIELDS: Readonly<Record<string, Field>> = {
  proto: ({ s }) => [s.protocol],
  status: (row) => [statusOf(row)],
  topic: ({ s }) => [s.name],
  name: ({ s }) => [s.name],
  op: ({ s }) => [s.op, s.target],
  kind: ({ s }) => [s.kind],
  type: ({ s }) => [s.type],
  peer: ({ s }) => [s.from, s.to],
  from: ({ s }) => [s.from],
  to: ({ s }) => [s.to],
  code: ({ s }) => [s.code],
  sig: ({ s }) => [s.sig?.verdict],
  id: ({ s }) => Object.values(s.ids ?? {}),
  trace: ({ s }) => [s.ids?.trace],
  job: ({ s }) => [s.ids?.job],
  seq: ({ s }) => [s.seq],
  dur: (row) => [msOf(row)],
  bytes: ({ s }) => [s.bytes],
  http: ({ s }) => [s.http],
};

/** The keys of the language, for help. */
export const KEYS = Object.keys(FIELDS);

/** Every condition must hold. A key that does not exist is searched for as text. */
export function parseFilter(text: string): Test {
  const tests = [...text.matchAll(/(-?)(?:(\w+):)?("[^"]*"|\S+)/g)].map(
    ([all, minus = "", key = "", value = ""]) => {
      const field = Object.hasOwn(FIELDS, key) ? FIELDS[key] : undefined;
      const plain = (field === undefined ? all.slice(minus.length) : value).replaceAll('"', "").toLowerCase();
      const test = field === undefined ? anywhere(plain) : matches(field, plain);
      return minus === "-" ? (row: Row) => !test(row) : test;
    },
  );
  return (row) => tests.every((test) => test(row));
}

function matches(field: Field, value: string): Test {
  const limit = /^([<>]=?)(\d+(?:\.\d+)?)$/.exec(value);
  if (limit !== null) {
    const [, sign = ">", number = "0"] = limit;
    const bound = Number(number);
    const holds = (given: number): boolean =>
      sign[0] === ">"
        ? given > bound || (sign === ">=" && given === bound)
        : given < bound || (sign === "<=" && given === bound);
    return (row) => field(row).some((given) => typeof given === "number" && holds(given));
  }
  const pattern = new RegExp(`^${value.split("*").map(escaped).join(".*")}$`, "is");
  return (row) => field(row).some((given) => given !== undefined && pattern.test(String(given)));
}

const escaped = (text: string): string => text.replace(/[.+?^${}()|[\]\\]/g, "\\$&");

function anywhere(word: string): Test {
  return ({ s }) =>
    [s.op, s.name, s.kind, s.from, s.to, s.code, s.reason, s.text, s.target].some((part) =>
      part?.toLowerCase().includes(word),
    ) || Object.values(s.ids ?? {}).some((id) => String(id).toLowerCase().includes(word));
}
