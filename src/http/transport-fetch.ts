/** Requests with `fetch`: in browsers, on Bun and at the edge, and wherever the user gives one. */
import { UnsupportedError } from "../core/errors.js";
import { Answer } from "./answer.js";
import type { Call } from "./call.js";
import { joined, type Transport, type TransportOptions, tooLarge } from "./transport.js";

/** The transport of platforms without undici. */
export function openTransport(options: TransportOptions): Transport {
  if (options.tls !== undefined) {
    throw new UnsupportedError("tls requires Node; elsewhere certificates are set on the platform");
  }
  return fetchTransport((input, init) => globalThis.fetch(input, init), options);
}

/** A transport over `send`. */
export function fetchTransport(send: typeof fetch, { maxBodyBytes }: TransportOptions): Transport {
  return {
    async send(call) {
      const { method } = call.operation;
      // A body that arrives as a stream outlives its request; its own cut takes over below.
      const signal = call.stream ? call.whole.signal : call.cut.signal;
      const init: RequestInit = { method, headers: { ...call.headers }, redirect: "manual", signal };
      if (call.body !== undefined) init.body = bodyOf(call.body);
      const response = await send(call.url, init);
      call.responded = true;
      const { status, headers, body } = response;
      const isStream = call.stream && response.ok;
      if (response.ok && call.operation.result === "none") {
        // Read, not cancelled: a cancelled body costs the connection.
        response.arrayBuffer().catch(() => {});
        return new Answer(status, headers, new Uint8Array(0));
      }
      if (body === null) return new Answer(status, headers, new Uint8Array(0));
      return new Answer(status, headers, isStream ? chunksOf(body, call) : await readAll(body, maxBodyBytes));
    },
    async close() {},
  };
}

function bodyOf(body: NonNullable<Call["body"]>): BodyInit {
  return body instanceof Uint8Array ? new Uint8Array(body) : body;
}

async function readAll(body: ReadableStream<Uint8Array>, maxBytes: number): Promise<Uint8Array> {
  const reader = body.getReader();
  const chunks: Uint8Array[] = [];
  let size = 0;
  for (let next = await reader.read(); !next.done; next = await reader.read()) {
    size += next.value.length;
    if (size > maxBytes) {
      await reader.cancel().catch(() => {});
      throw tooLarge(maxBytes);
    }
    chunks.push(next.value);
  }
  return joined(chunks, size);
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
