/** A transport that answers every call at once, in place of the real one: what is left is the work of the pipeline. */
import { Answer } from "../src/http/answer.js";
import type { Transport } from "../src/http/transport.js";

const state = { body: new Uint8Array(0) };

/** What every call is answered with from now on. */
export function answerWith(text: string): void {
  state.body = new TextEncoder().encode(text);
}

/** The transport. */
export function openTransport(): Transport {
  return {
    send: async () => new Answer(200, { "content-type": "application/json" }, state.body),
    close: async () => {},
  };
}
