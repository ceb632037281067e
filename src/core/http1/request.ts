/** What goes over a connection before the body. */
import { ValidationError } from "../errors.js";

/** Said here, and by nobody else. */
const own = new Set(["host", "content-length", "connection", "transfer-encoding", "keep-alive"]);
const token = /^[!#$%&'*+\-.^_`|~\w]+$/;

/**
 * The head of a request, with its empty line. Headers about the connection and the length are made here; given
 * ones are left out.
 *
 * @throws ValidationError for a method, path or header that could be read as something else.
 */
export function requestHead(
  method: string,
  path: string,
  host: string,
  headers: Readonly<Record<string, string>>,
  body: string | Uint8Array | undefined,
): string {
  if (!token.test(method)) throw new ValidationError("the method of a request must be one word");
  if (/[^\x21-\x7e]/.test(path)) throw new ValidationError("the path of a request must be ASCII");
  let head = `${method} ${path} HTTP/1.1\r\nhost: ${host}\r\n`;
  for (const name in headers) {
    if (own.has(name.toLowerCase())) continue;
    const value = headers[name]!;
    // The value is not shown: it may be a credential.
    if (!token.test(name) || /[^\t\x20-\x7e]/.test(value))
      throw new ValidationError(`a header that cannot be sent: ${JSON.stringify(name)}`);
    head += `${name}: ${value}\r\n`;
  }
  if (body !== undefined || method === "POST" || method === "PUT" || method === "PATCH") {
    const length = typeof body === "string" ? Buffer.byteLength(body) : (body?.byteLength ?? 0);
    head += `content-length: ${length}\r\n`;
  }
  return `${head}connection: keep-alive\r\n\r\n`;
}
