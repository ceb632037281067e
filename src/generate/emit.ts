/** Line length up to which a literal stays on one line. */
const lineWidth = 110;

/** True when `name` can name a declaration. Letters outside the BMP cannot: which ones exist depends on the compiler. */
export function isIdentifier(name: string): boolean {
  return (
    /^[\p{ID_Start}_$][\p{ID_Continue}$]*$/u.test(name) && name !== "__proto__" && !/[^\0-\uFFFF]/u.test(name)
  );
}

/** A key of an object literal. `__proto__` is written as a computed key: plain, it would set the prototype. */
export function printKey(key: string): string {
  if (/^[A-Za-z_$][\w$]*$/.test(key) && key !== "__proto__") return key;
  return key === "__proto__" ? '["__proto__"]' : JSON.stringify(key);
}

/** JSON data as a TypeScript literal: short values on one line, others with one member a line. */
export function printValue(value: unknown, indent = 0, lead = 0): string {
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const isList = Array.isArray(value);
  const members = isList
    ? value.map((item) => ["", item] as const)
    : Object.entries(value)
        .filter(([, item]) => item !== undefined)
        .map(([key, item]) => [`${printKey(key)}: `, item] as const);
  const [open, close] = isList ? ["[", "]"] : ["{", "}"];
  if (members.length === 0) return open + close;
  const pad = isList ? "" : " ";
  const flat = `${open}${pad}${members.map(([key, item]) => key + printValue(item, 0, -Infinity)).join(", ")}${pad}${close}`;
  if (indent + lead + flat.length <= lineWidth) return flat;
  const inner = " ".repeat(indent + 2);
  const rows = members.map(
    ([key, item]) => `${inner}${key}${printValue(item, indent + 2, key.length + 1)},\n`,
  );
  return `${open}\n${rows.join("")}${" ".repeat(indent)}${close}`;
}

/** A doc comment, or nothing for an empty text. */
export function printDoc(text: string | undefined, indent = 0): string {
  const lines = (text ?? "").trim().replaceAll("*/", "*\\/").split("\n");
  if (lines[0] === "") return "";
  const pad = " ".repeat(indent);
  if (lines.length === 1) return `${pad}/** ${lines[0]} */\n`;
  return `${pad}/**\n${lines.map((line) => `${pad} * ${line}`.trimEnd()).join("\n")}\n${pad} */\n`;
}

/** The path from a generated file in `folder` to a module of the runtime, such as `http/index`. */
export type RuntimePath = (module: string) => string;

/** `listJobs`, `list-jobs`, `list_jobs` → `ListJobs`. */
export function pascalCase(name: string): string {
  return name.replace(/(?:^|[^\p{L}\p{N}]+)([\p{L}\p{N}])/gu, (_, letter: string) => letter.toUpperCase());
}
