/** Requests with `fetch`: in browsers, on Bun and at the edge, and wherever the user gives one. */
import type { TimerHandle } from "../core/clock.js";
import { ProtocolError, UnsupportedError } from "../core/errors.js";
import { Answer, isHeaders } from "./answer.js";
import { type Call, leaves } from "./call.js";
import { joined, NOTHING, type Transport, type TransportOptions, tooLarge } from "./transport.js";

/** The transport of platforms without undici. */
export function openTransport(options: TransportOptions): Transport {
  if (options.tls !== undefined) {
    throw new UnsupportedError("tls requires Node; elsewhere certificates are set on the platform");
  }
  return fetchTransport((input, init) => globalThis.fetch(input, init), options);
}

/** A transport over `send`. */
export function fetchTransport(send: typeof fetch, options: TransportOptions): Transport {
  return {
    async send(call) {
      const { method } = call.operation;
      // A body that arrives as a stream outlives its request; its own cut takes over below.
      const signal = call.stream ? call.whole.signal : call.cut.signal;
      const init: RequestInit = { method, headers: { ...call.headers }, redirect: "manual", signal };
      if (call.body !== undefined) init.body = bodyOf(call.body);
      leaves(call);
      const response = await send(call.url, init);
      const { status, headers, body } = response ?? {};
      if (typeof status !== "number" || !isHeaders(headers))
        throw new ProtocolError("fetch must resolve with a Response", { code: "UNEXPECTED_RESPONSE" });
      // A copy: those of a fetch of the user's own may fail when they are read.
      const copy = new Headers([...headers]);
      const head = new Answer(status, copy, NOTHING);
      call.got.head = head;
      if (body === null || body === undefined) return head;
      if (response.ok && call.operation.result === "none") {
        void drain(body, call, options);
        return head;
      }
      const content = call.stream && response.ok ? chunksOf(body, call) : await readAll(body, call, options);
      return new Answer(status, copy, content);
    },
    async close() {},
  };
}

function bodyOf(body: NonNullable<Call["body"]>): BodyInit {
  return body instanceof Uint8Array ? new Uint8Array(body) : body;
}

async function readAll(
  body: ReadableStream<Uint8Array>,
  call: Call,
  { maxBodyBytes: maxBytes }: TransportOptions,
): Promise<Uint8Array> {
  const reader = body.getReader();
  const chunks: Uint8Array[] = [];
  let size = 0;
  for (let next = await reader.read(); !next.done; next = await reader.read()) {
    size += next.value.length;
    if (size > maxBytes) {
      await reader.cancel().catch(() => {});
      throw tooLarge(maxBytes, call);
    }
    chunks.push(next.value);
  }
  return joined(chunks, size);
}

/**
 * Reads a body that means nothing, since a cancelled one costs the connection. One that is too long, or takes too
 * long, is not worth that.
 */
async function drain(
  body: ReadableStream<Uint8Array>,
  { timeoutMs }: Call,
  { maxBodyBytes, clock }: TransportOptions,
): Promise<void> {
  let timer: TimerHandle | undefined;
  try {
    const reader = body.getReader();
    const giveUp = async (): Promise<void> => reader.cancel();
    timer = clock.setTimeout(() => void giveUp().catch(() => {}), timeoutMs, { unref: true });
    let size = 0;
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      size += next.value.length;
      if (size > maxBodyBytes) return await giveUp();
    }
  } catch {
    // Cut off, or read already by the fetch that was given: there is nothing left to do.
  } finally {
    clock.clearTimeout(timer);
  }
}

async function* chunksOf(body: ReadableStream<Uint8Array>, call: Call): AsyncGenerator<Uint8Array> {
  const reader = body.getReader();
  try {
    for (;;) {
      const next = await call.whole.race(reader.read());
      if (next.done) return;
      yield next.value;
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}
