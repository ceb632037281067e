/** Lines of a stream of bytes, none of them too long. */
import { ProtocolError } from "../../src/core/errors.js";

/** Longest line of the adapter protocol, in bytes. */
export const MAX_LINE_BYTES = 1024 * 1024;

/**
 * Splits chunks into lines; empty ones are left out.
 *
 * @throws ProtocolError `LINE_TOO_LONG`, as soon as a line is, and for bytes that are not UTF-8.
 */
export async function* linesOf(
  input: AsyncIterable<Uint8Array | string>,
  maxBytes = MAX_LINE_BYTES,
): AsyncGenerator<string, void, undefined> {
  const encoder = new TextEncoder();
  let parts: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of input) {
    let rest = typeof chunk === "string" ? encoder.encode(chunk) : chunk;
    for (;;) {
      const end = rest.indexOf(0x0a);
      const part = end === -1 ? rest : rest.subarray(0, end);
      length += part.length;
      if (length > maxBytes) {
        throw new ProtocolError(`a line is longer than ${maxBytes} bytes`, { code: "LINE_TOO_LONG" });
      }
      parts.push(part);
      if (end === -1) break;
      const line = textOf(parts, length);
      parts = [];
      length = 0;
      if (line !== "") yield line;
      rest = rest.subarray(end + 1);
    }
  }
  const last = textOf(parts, length);
  if (last !== "") yield last;
}

function textOf(parts: readonly Uint8Array[], length: number): string {
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes).trim();
  } catch (error) {
    throw new ProtocolError("a line that is not UTF-8", { cause: error });
  }
}
