/** Keeps the credentials of a call out of errors: some servers repeat them, and so do errors of a custom `fetch`. */
import { errorText } from "../core/errors.js";
import { isSecretName } from "../core/secret-names.js";
import { Answer } from "./answer.js";
import type { Call } from "./call.js";

/**
 * `thrown`, or an error with its text alone if it repeats a credential. An error about bytes that are not HTTP holds them,
 * and they may repeat one too. What cannot be read or changed, such as a revoked proxy, is also replaced by its text.
 */
export function shownCause(thrown: unknown, hide: (text: string) => string): unknown {
  const textOnly = () => new Error(hide(errorText(thrown)));
  try {
    let first: unknown;
    let shown = "";
    let at = thrown;
    for (let depth = 0; at instanceof Error && depth < 10; at = at.cause, depth++) {
      if (!Reflect.deleteProperty(at, "data")) return textOnly();
      const { message, stack, code } = at as Error & { readonly code?: unknown };
      first ??= code;
      shown += `${message}\n${stack}\n${fieldsOf(at)}\n`;
    }
    shown += typeof at === "object" ? fieldsOf(at) : String(at);
    const isClean = !(at instanceof Error) && hide(shown) === shown;
    // The code tells whether the request has left.
    return isClean ? thrown : Object.assign(textOnly(), typeof first === "string" && { code: hide(first) });
  } catch {
    return textOnly();
  }
}

/** What printing an error shows besides its text, as far as JSON holds it. */
function fieldsOf(error: object | null): string {
  const open = new Set<unknown>();
  return JSON.stringify({ ...error, cause: undefined }, (_, value: unknown) => {
    if (typeof value === "bigint") return String(value);
    if (typeof value !== "object" || value === null) return value;
    if (open.has(value)) return undefined;
    open.add(value);
    return value;
  });
}

/** A shorter text stands in many responses by chance, and hiding it would garble them. */
const MIN_SECRET = 4;

/** Hides the credentials of a call in a text, as they are or encoded once or twice. */
export function hiding({ headers, options }: Call): (text: string) => string {
  const secrets = [...secretsOf(headers), ...(options.secrets ?? [])];
  const forms = new Set(secrets.filter((secret) => secret.length >= MIN_SECRET).flatMap(formsOf));
  return (text) => [...forms].reduce((rest, secret) => rest.replaceAll(secret, "[secret]"), text);
}

/** The answer as errors may hold it. */
export function withoutSecrets(answer: Answer, hide: (text: string) => string): Answer {
  // Servers escape more of a JSON text than has to be, such as `\/` or all beyond ASCII; what is read is the same.
  const json = answer.body === answer.text ? answer.text : (JSON.stringify(answer.body) ?? "");
  const hidden = hide(json);
  const text = hidden === json ? hide(answer.text) : hidden;
  const headers = [...answer.headers].map(([name, value]): [string, string] => [name, hide(value)]);
  if (text === answer.text && headers.every(([name, value]) => value === answer.headers.get(name)))
    return answer;
  return new Answer(answer.status, new Headers(headers), new TextEncoder().encode(text));
}

/** A secret as it is, in a JSON text, in a JSON text within one, in a URL, and in a form. */
function formsOf(secret: string): string[] {
  const quoted = (text: string): string => JSON.stringify(text).slice(1, -1);
  const form = new URLSearchParams([["", secret]]).toString().slice(1);
  // What has a lone surrogate cannot stand in a URL; a form replaces it.
  const url = encodeURIComponent(new URLSearchParams(`=${form}`).get("")!);
  return [quoted(quoted(secret)), quoted(secret), form, url, secret];
}

/** `Bearer abc` holds `abc`, a cookie `a=1; b=2` its pairs. Elsewhere a first word may be a scheme or not. */
function secretsOf(headers: Call["headers"]): string[] {
  return Object.entries(headers)
    .filter(([name]) => isSecretName(name))
    .flatMap(([name, value]) => {
      const parts = value.split(/;\s*/);
      const bare = parts.map((part) => part.replace(/^\S+ /, ""));
      return /authorization$/i.test(name) ? bare : [...parts, ...bare];
    });
}
