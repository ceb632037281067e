/** An answer on its way out, whole or in pieces. */
import { type Clock, sleep } from "../../core/clock.js";
import type { HttpResponse } from "./server.js";

/** An answer. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Undefined sends no body. */
  readonly text: string | undefined;
  /** Set by a fault. Default: it goes out whole. */
  readonly pieces?: Pieces | undefined;
}

/** How something is written in pieces. */
export interface Pieces {
  /** Default: so many that there are two. */
  readonly bytes?: number | undefined;
  /** Wait between one piece and the next, in ms. Default: only until the one before has left. */
  readonly pauseMs?: number | undefined;
}

/** A JSON answer. Undefined members are left out. */
export function json(status: number, body: unknown): HttpAnswer {
  const headers = { "content-type": "application/json; charset=utf-8" };
  return { status, headers, text: JSON.stringify(body) };
}

/** Sends an answer. Does nothing once the connection is gone or another answer has begun. */
export async function send(response: HttpResponse, answer: HttpAnswer, clock: Clock): Promise<void> {
  const { status, headers, text, pieces } = answer;
  if (response.destroyed || response.headersSent) return;
  const sized = text !== undefined && status !== 204 && status !== 304;
  response.writeHead(status, {
    ...headers,
    ...(sized && { "content-length": String(Buffer.byteLength(text)) }),
  });
  if (pieces !== undefined && text) await writeInPieces(response, text, pieces, clock);
  response.end(pieces === undefined ? text : undefined);
}

/** Writes a text piece by piece, until all of it has left or the connection is gone. */
export async function writeInPieces(
  response: HttpResponse,
  text: string,
  { bytes, pauseMs }: Pieces,
  clock: Clock,
): Promise<void> {
  const whole = new TextEncoder().encode(text);
  const size = Math.max(Math.ceil(bytes ?? whole.length / 2), 1);
  for (let at = 0; at < whole.length && !response.destroyed; at += size) {
    if (at > 0 && pauseMs !== undefined) await sleep(pauseMs, { clock });
    await new Promise<void>((resolve) => {
      response.write(whole.subarray(at, at + size), () => resolve());
    });
  }
}
