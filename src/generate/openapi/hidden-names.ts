/**
 * Other tools mistake members with the names that every object inherits (`constructor`, `toString`, `__proto__`) for what is
 * inherited. They get documents in which these have other names of the same length, so that lines and columns stay.
 */
const names = Object.getOwnPropertyNames(Object.prototype);
const covers = new Map(names.map((name) => [name, `${name.slice(0, -1)}0`]));
const shown = new Map([...covers].map(([name, cover]) => [cover, name]));

function replaced(text: string, by: ReadonlyMap<string, string>): string {
  return text.replace(new RegExp([...by.keys()].join("|"), "g"), (name) => by.get(name)!);
}

/** The text of a document for another tool. */
export function hideNames(text: string): string {
  return replaced(text, covers);
}

/** What another tool made of it. */
export function showNames(text: string): string {
  return replaced(text, shown);
}
