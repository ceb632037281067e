/** The innermost layer: what sends requests. */

import type { Clock } from "../core/clock.js";
import { ProtocolError } from "../core/errors.js";
import type { Call, Send } from "./call.js";
import { answerInfo } from "./error-table.js";
import type { TlsOptions } from "./options.js";

/** What a transport can be given. */
export interface TransportOptions {
  /** Larger bodies are refused, counted after decompression. */
  readonly maxBodyBytes: number;
  /** Connections to one host at most. */
  readonly connections: number;
  readonly tls: TlsOptions | undefined;
  readonly clock: Clock;
}

/** Sends requests. Redirects are not followed: they would carry a credential to another place. */
export interface Transport {
  /** Resolves with the response, whatever its status; rejects with whatever the platform throws. */
  readonly send: Send;
  /** Closes all connections, those in use as well. */
  close(): Promise<void>;
}

/** The error for a response above `maxBytes`. */
export function tooLarge(maxBytes: number, { operation, got: { head } }: Call): ProtocolError {
  return new ProtocolError(
    `the response to ${operation.id} is larger than ${maxBytes} bytes; maxBodyBytes sets the limit`,
    {
      code: "TOO_LARGE",
      ...(head && answerInfo(head)),
    },
  );
}

/** The content of a response whose head alone has come. */
export const NOTHING = new Uint8Array(0);

/** Joins chunks. */
export function joined(chunks: readonly Uint8Array[], size: number): Uint8Array {
  if (chunks.length === 1) return chunks[0]!;
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}
