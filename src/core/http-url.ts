/** URLs of operations: a base with a path prefix, path parameters, query parameters. */
import { ValidationError } from "./errors.js";

/** Values of path parameters, by the name in the path. */
export type PathValues = Readonly<Record<string, string | number>>;

/** Values of query parameters. Lists give one parameter each; undefined and null give none. */
export type QueryValues = Readonly<Record<string, unknown>>;

/**
 * A base URL without its trailing slashes; a path prefix stays.
 *
 * @throws ValidationError `INVALID_BASE_URL` unless it is an absolute http or https URL without a query or a
 * fragment.
 */
export function parseBaseUrl(baseUrl: string): string {
  const url = typeof baseUrl === "string" && URL.canParse(baseUrl) ? new URL(baseUrl) : undefined;
  const good = url !== undefined && /^https?:$/.test(url.protocol) && url.search === "" && url.hash === "";
  if (!good) {
    // Not shown: it may hold a password.
    throw new ValidationError(
      "the base URL must be an absolute http or https URL without query and fragment",
      {
        code: "INVALID_BASE_URL",
      },
    );
  }
  return url.href.replace(/\/+$/, "");
}

/**
 * The URL of an operation below a base URL that {@link parseBaseUrl} gave.
 *
 * @throws ValidationError `INVALID_PATH` for a missing or empty path value, and for `.` and `..`, which every
 * URL parser would take for a step to another folder, encoded or not.
 */
export function operationUrl(
  base: string,
  path: string,
  values: PathValues = {},
  query: QueryValues = {},
): string {
  const filled = path.includes("{")
    ? path.replace(/\{([^}]+)\}/g, (_, name: string) => pathSegment(name, values[name]))
    : path;
  const search = queryString(query);
  return search === "" ? base + filled : `${base}${filled}?${search}`;
}

function pathSegment(name: string, value: string | number | undefined): string {
  const text = typeof value === "string" || typeof value === "number" ? String(value) : "";
  if (text === "" || text === "." || text === "..") {
    throw new ValidationError(`${name} must be an id, not ${JSON.stringify(text)}`, { code: "INVALID_PATH" });
  }
  return encode(text);
}

function queryString(query: QueryValues): string {
  const parts: string[] = [];
  for (const [name, value] of Object.entries(query)) {
    for (const item of Array.isArray(value) ? (value as unknown[]) : [value]) {
      if (item !== undefined && item !== null) parts.push(`${encode(name)}=${encode(String(item))}`);
    }
  }
  return parts.join("&");
}

/** Nothing is left as it is but letters, digits and `-_.~`. */
function encode(text: string): string {
  try {
    return encodeURIComponent(text).replace(
      /[!'()*]/g,
      (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
    );
  } catch (cause) {
    throw new ValidationError("text has a lone surrogate", { code: "INVALID_TEXT", cause });
  }
}
