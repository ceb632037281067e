import { type Finding, throwFindings } from "../finding.js";
import { asRecord } from "../openapi/openapi.js";
import type { Source, YamlPath } from "../source.js";

/** Says what is wrong with a value of a table, or nothing. */
export type Check = (value: unknown) => string | undefined;

export const text: Check = (value) =>
  typeof value === "string" && value !== "" ? undefined : "must be text";
export const texts: Check = (value) =>
  Array.isArray(value) && value.length > 0 && value.every((item) => text(item) === undefined)
    ? undefined
    : "must be a list of texts";
export const number: Check = (value) => (typeof value === "number" ? undefined : "must be a number");
export const flag: Check = (value) => (typeof value === "boolean" ? undefined : "must be true or false");
export const oneOf =
  (allowed: readonly string[]): Check =>
  (value) =>
    allowed.includes(String(value)) ? undefined : `must be one of ${allowed.join(", ")}`;
export const matching =
  (pattern: RegExp, what: string): Check =>
  (value) =>
    typeof value === "string" && pattern.test(value) ? undefined : `must be ${what}`;
export const optional =
  (check: Check): Check =>
  (value) =>
    value === undefined ? undefined : check(value);

/** The findings of one file; each names its place by the keys that lead there. */
export class TableFindings {
  readonly #found: Finding[] = [];
  readonly #source: Source;

  constructor(source: Source) {
    this.#source = source;
  }

  add(path: YamlPath, message: string): void {
    this.#found.push(this.#source.finding(path, `${path.join(".")} ${message}`));
  }

  /** Checks an entry member by member; members that no check names are findings. */
  entry(path: YamlPath, value: unknown, members: Readonly<Record<string, Check>>): void {
    const entry = asRecord(value);
    this.known(path, entry, Object.keys(members), "is not known");
    for (const [key, check] of Object.entries(members)) {
      const problem = check(entry[key]);
      if (problem !== undefined) this.add([...path, key], problem);
    }
  }

  /** Reports the keys of a record that are not in `allowed`. */
  known(path: YamlPath, record: object, allowed: readonly string[], message: string): void {
    for (const key of Object.keys(record)) if (!allowed.includes(key)) this.add([...path, key], message);
  }

  /** @throws SpecError when there is at least one finding */
  throw(): void {
    throwFindings(this.#found);
  }
}
