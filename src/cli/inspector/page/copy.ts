/** A record as something to paste: JSON, a `curl` line, or an `agentwire` command. Masked values become `$NAME`. */
import type { CaptureRecord } from "../record.ts";

const SECRET = "[secret]";

/** A word for a POSIX shell. */
export const quoted = (text: string): string =>
  /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;

/** The same, in which masked values are the variables that `names` lists in order. */
function withVariables(text: string, names: string[]): string {
  return text
    .split(SECRET)
    .map((part) => (part === "" ? "" : quoted(part)))
    .reduce((all, part) => `${all}"$${names.shift() ?? "SECRET"}"${part}`);
}

const nameOf = (pointer: string): string =>
  pointer
    .slice(pointer.lastIndexOf("/") + 1)
    .replace(/([a-z])([A-Z])/g, "$1_$2")
    .replace(/\W/g, "_")
    .toUpperCase();

const LEFT_OUT = new Set([
  "host",
  "connection",
  "content-length",
  "accept-encoding",
  "user-agent",
  "accept-language",
]);

/** Undefined for what did not come over HTTP. */
export function curlOf(record: CaptureRecord): string | undefined {
  const { target, headers = {}, body, masked = [] } = record;
  if (target === undefined) return undefined;
  const [method = "GET", path = "/"] = target.split(" ");
  const parts = [`curl -X ${quoted(method)} ${quoted(`http://${headers.host ?? "127.0.0.1"}${path}`)}`];
  for (const [name, value] of Object.entries(headers)) {
    if (LEFT_OUT.has(name) || name.startsWith("sec-")) continue;
    parts.push(`-H ${withVariables(`${name}: ${value}`, [nameOf(name)])}`);
  }
  const names = masked.filter((pointer) => pointer.startsWith("/body")).map(nameOf);
  if (body !== undefined) {
    parts.push(`--data-raw ${withVariables(typeof body === "string" ? body : JSON.stringify(body), names)}`);
  }
  return parts.join(" \\\n  ");
}

/** The command that does or shows the same. */
export function commandOf(record: CaptureRecord): string | undefined {
  const { protocol, op = "", kind, body, ids = {}, raw } = record;
  if (protocol === "cap" && op === "sys.job.submit" && kind === "jobRequest") {
    const { topic = "", contextPtr = "" } = ((body as Record<string, unknown> | undefined)?.jobRequest ??
      {}) as Record<string, string>;
    const input = contextPtr === "" ? "" : ` --context-ptr ${quoted(contextPtr)}`;
    return `agentwire submit ${quoted(topic)}${input}`;
  }
  if (raw !== undefined) return `agentwire decode ${quoted(raw)}`;
  if (protocol === "cap") return `agentwire tap ${quoted(op)}${ids.job ? ` --job ${quoted(ids.job)}` : ""}`;
  return undefined;
}
