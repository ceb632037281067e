/** URLs of operations: a base with a path prefix, path parameters, query parameters. */
import { ValidationError } from "../core/errors.js";
import { stringifyJson } from "../core/json-form.js";

/**
 * A base URL without its trailing slashes; a path prefix stays.
 *
 * @throws ValidationError `INVALID_BASE_URL` unless it is an absolute http or https URL without user, query or
 * fragment. The URL is not shown, since it may hold a password.
 */
export function parseBaseUrl(baseUrl: string): string {
  const url = typeof baseUrl === "string" && URL.canParse(baseUrl) ? new URL(baseUrl) : undefined;
  const fail = (found: string): never => {
    const message = `expected an absolute http or https URL as base URL, found ${found}`;
    throw new ValidationError(message, { code: "INVALID_BASE_URL" });
  };
  if (url === undefined) return fail("a value that is not a URL");
  if (!/^https?:$/.test(url.protocol)) return fail(`the scheme ${url.protocol.slice(0, 20)}`);
  if (url.username !== "" || url.password !== "") {
    return fail("one with a user or a password: pass credentials as options, not in the URL");
  }
  if (url.search !== "" || url.hash !== "") return fail("one with a query or a fragment: remove it");
  // Not `href`, which keeps a lone `?` or `#`.
  return url.origin + url.pathname.replace(/\/+$/, "");
}

/** @throws ValidationError `INVALID_URL` unless `text` is an absolute http or https URL */
export function absoluteUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url !== undefined && /^https?:$/.test(url.protocol)) return url.href.replace(/#.*$/s, "");
  throw new ValidationError("middleware must set an absolute http or https URL", { code: "INVALID_URL" });
}

/**
 * The URL of an operation below a base URL that {@link parseBaseUrl} returned. `values` fill the `{parameters}` of
 * the path in order.
 *
 * @throws ValidationError `INVALID_PATH` for a missing or empty value, and for `.` and `..`, which every URL parser
 * would take for a step to another folder, encoded or not.
 */
export function operationUrl(
  base: string,
  path: string,
  values: readonly (string | number)[],
  query: object | undefined,
  inJson: readonly string[] = [],
): string {
  let next = 0;
  const filled = path.includes("{")
    ? path.replace(/\{([^}]+)\}/g, (_, name: string) => pathSegment(name, values[next++]))
    : path;
  const search = query === undefined ? "" : queryString(query, inJson);
  return search === "" ? base + filled : `${base}${filled}?${search}`;
}

function pathSegment(name: string, value: string | number | undefined): string {
  const text = typeof value === "string" || typeof value === "number" ? String(value) : "";
  if (text === "" || text === "." || text === "..") {
    throw new ValidationError(`${name} must be an id, found ${JSON.stringify(text)}`, {
      code: "INVALID_PATH",
    });
  }
  return encode(text);
}

/** Lists give one parameter for each item, objects `name[member]`; undefined and null give none. Those `inJson` are JSON. */
function queryString(query: object, inJson: readonly string[]): string {
  const parts: string[] = [];
  const add = (name: string, value: unknown): void => {
    if (value === undefined || value === null) return;
    if (Array.isArray(value)) for (const item of value) add(name, item);
    else if (typeof value !== "object" || value instanceof Date)
      parts.push(`${encode(name)}=${encode(scalarText(value, name))}`);
    else for (const [key, item] of Object.entries(value)) add(`${name}[${key}]`, item);
  };
  for (const [name, value] of Object.entries(query))
    add(name, value !== undefined && inJson.includes(name) ? stringifyJson(value, { what: name }) : value);
  return parts.join("&");
}

/** A date in ISO 8601, anything else as text. @throws ValidationError for an invalid date */
export function scalarText(value: unknown, name: string): string {
  if (!(value instanceof Date)) return String(value);
  if (Number.isNaN(value.getTime())) throw new ValidationError(`${name} must be a valid date`);
  return value.toISOString();
}

/** Nothing is left as it is but letters, digits and `-_.~`. */
function encode(text: string): string {
  return percentEncoded(text, "a parameter of the URL").replace(
    /[!'()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/** `encodeURIComponent`. @throws ValidationError `INVALID_TEXT` for a lone surrogate; `what` names the text */
export function percentEncoded(text: string, what: string): string {
  try {
    return encodeURIComponent(text);
  } catch (cause) {
    throw new ValidationError(`${what} has a lone surrogate`, { code: "INVALID_TEXT", cause });
  }
}
