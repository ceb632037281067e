/** Responses of local servers, sent whole or in pieces. */
import { type Clock, sleep } from "../../core/clock.js";

/** A response. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Undefined sends no body. */
  readonly text: string | undefined;
  /** An open body in place of `text`, such as an event stream. */
  readonly stream?: ReadableStream<Uint8Array> | undefined;
  /** Set by a fault. Default: the text is sent whole. */
  readonly pieces?: Pieces | undefined;
}

/** How a text is sent in pieces. */
export interface Pieces {
  /** Bytes of a piece. Default: half of the text. */
  readonly bytes?: number | undefined;
  /** Wait between pieces, in milliseconds. Default: until the piece before is sent. */
  readonly pauseMs?: number | undefined;
}

/** A JSON response. Undefined members are left out. */
export function json(status: number, body: unknown): HttpAnswer {
  const headers = { "content-type": "application/json; charset=utf-8" };
  return { status, headers, text: JSON.stringify(body) };
}

/** The response as the platform sends it. */
export function toResponse({ status, headers, text, stream, pieces }: HttpAnswer, clock: Clock): Response {
  const bodiless = status === 204 || status === 304;
  const whole = pieces === undefined || !text ? text : inPieces(text, pieces, clock);
  return new Response(bodiless ? null : (stream ?? whole ?? null), { status, headers });
}

function inPieces(text: string, pieces: Pieces, clock: Clock): ReadableStream<Uint8Array> {
  return new ReadableStream({
    async start(controller) {
      await sendInPieces((piece) => controller.enqueue(piece), text, pieces, clock);
      controller.close();
    },
  });
}

/** Sends a text piece by piece, each in a turn of its own. */
export async function sendInPieces(
  send: (piece: Uint8Array) => unknown,
  text: string,
  { bytes, pauseMs }: Pieces,
  clock: Clock,
): Promise<void> {
  const whole = new TextEncoder().encode(text);
  const size = Math.max(Math.ceil(bytes ?? whole.length / 2), 1);
  for (let at = 0; at < whole.length; at += size) {
    if (at > 0 && pauseMs !== undefined) await sleep(pauseMs, { clock });
    else if (at > 0) await new Promise((resolve) => setTimeout(resolve));
    send(whole.subarray(at, at + size));
  }
}
