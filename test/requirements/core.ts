import type { Requirements } from "./types.ts";

export const core = {
  "core.http.keep-alive": {
    statement:
      "Calls use connections again; when one closes as a request leaves, only what may be repeated is repeated.",
    source: "agentwire",
  },
  "core.http.response": {
    statement: "A call gives access to status and headers of its final response, repeated headers included.",
    source: "RFC 9110, sections 5.3 and 15.2",
  },
  "core.http.injection": {
    statement: "Nothing given for a request can add a line to its head.",
    source: "RFC 9112, section 11.1",
  },
  "core.http.pool": {
    statement: "A client holds no more connections to an origin than it may; further requests wait in order.",
    source: "agentwire",
  },
  "core.http.proxy": {
    statement:
      "On Node, requests go through HTTP_PROXY and HTTPS_PROXY, with the same certificates as without.",
    source: "agentwire",
  },
  "core.http.desync": {
    statement: "A second response to one request ends the connection and is given to nobody.",
    source: "RFC 9112, section 9.2",
  },
  "core.errors.brand": {
    statement: "instanceof holds for an error that was made by a second copy of the package.",
    source: "agentwire design, errors",
  },
  "core.errors.code": {
    statement: "Every error shows its stable code in front of its message.",
    source: "agentwire design, errors",
  },
  "core.errors.body": {
    statement: "Printing or serialising an error does not show the peer's raw answer.",
    source: "agentwire design, secrets",
  },
  "core.abort.listeners": {
    statement: "Linking signals leaves no listener and no timer behind once the work is done.",
    source: "agentwire design, the same words everywhere",
  },
  "core.abort.sleep": {
    statement: "An abort cuts a sleep short at once and leaves neither timer nor listener.",
    source: "agentwire design, the same words everywhere",
  },
  "core.abort.reason": {
    statement: "A time limit of ours rejects with TimeoutError, the caller's signal with AbortError.",
    source: "agentwire design, errors",
  },
  "core.close.once": {
    statement: "close() goes through its stages once and returns the same promise to every caller.",
    source: "agentwire design, the same words everywhere",
  },
  "core.close.stages": {
    statement: "Closing stops intake, drains up to the grace time, aborts what is left, and lets go at last.",
    source: "agentwire design, the same words everywhere",
  },
  "core.logger.safe": {
    statement: "A logger that throws or rejects never hurts the work it reports on.",
    source: "agentwire design, the same words everywhere",
  },
  "core.mask.fields": {
    statement: "No token, key or secret reaches a log line: masking is by key name at any depth.",
    source: "agentwire design, secrets",
  },
  "core.mask.text": {
    statement: "Credentials, tokens and private keys are masked inside running text too.",
    source: "agentwire design, secrets",
  },
  "core.emitter.listener": {
    statement: "A listener that throws hurts neither the emitter nor the other listeners; it is logged.",
    source: "agentwire design, errors",
  },
  "core.limiter.bound": {
    statement: "A limiter never lets more work run than its limit, and serves in the order of asking.",
    source: "agentwire design, the same words everywhere",
  },
  "core.middleware.order": {
    statement: "The middleware registered first is the outermost one.",
    source: "agentwire design, the same words everywhere",
  },
  "core.retry.budget": {
    statement: "Tries and waits share one budget: no wait goes beyond the budget or the caller's deadline.",
    source: "agentwire design, retries, time, secrets",
  },
  "core.retry.after": {
    statement: "A wait that the peer asks for (seconds, date, milliseconds, body) wins over the own backoff.",
    source: "agentwire design, retries, time, secrets",
  },
  "core.retry.abort": {
    statement: "The caller's abort ends a try or a wait at once, with AbortError, and leaves nothing behind.",
    source: "agentwire design, retries, time, secrets",
  },
  "core.retry.idempotent": {
    statement: "Only what the operation table calls idempotent, or what provably never left, is tried again.",
    source: "agentwire design, retries, time, secrets",
  },
  "core.retry.backoff": {
    statement: "Every wait lies between the capped exponential step less its jitter share and that step.",
    source: "agentwire design, retries, time, secrets",
  },
  "core.loop.errors": {
    statement: "Nothing is thrown from a background loop: a failed run goes to the error hook and the log.",
    source: "agentwire design, errors",
  },
  "core.loop.stop": {
    statement: "Stopping a loop ends the run in hand and leaves no timer; it may be asked for again.",
    source: "agentwire design, the same words everywhere",
  },
  "core.insecure.warn": {
    statement: "A credential sent over http:// to a host that is not loopback is warned about once.",
    source: "agentwire design, retries, time, secrets",
  },
  "core.env.explicit": {
    statement: "An explicit option wins over its environment variable; an empty variable counts as unset.",
    source: "agentwire design, the same words everywhere",
  },
  "core.schema.verdicts": {
    statement:
      "The verdict on a value is that of the official Python validator, apart from listed differences.",
    source: "holokai-neuron-sdk 0.2.0, schema checks",
  },
  "core.schema.bounded": {
    statement: "The number and size of compiled schemas is bounded; an evicted schema drops its instance.",
    source: "agentwire design, schemas that arrive on a wire",
  },
  "core.schema.remote": {
    statement: "No reference is ever fetched: one that the schema does not hold is a typed error.",
    source: "Neuron SDK - TypeScript reference, schemas",
  },
  "core.schema.standard": {
    statement: "Handlers take any Standard Schema or a JSON Schema, and types are inferred from it.",
    source: "agentwire design, the same words everywhere",
  },
  "core.schema.advertised": {
    statement:
      "The advertised JSON Schema is the explicit one, else the library's own, else none with one warning.",
    source: "agentwire design, the same words everywhere",
  },
  "core.entry.browser": {
    statement:
      "The package root bundles for a browser without a node: import and without the validator's code.",
    source: "agentwire design, the shape",
  },
  "core.http.retry": {
    statement:
      "A call is made again only when its operation is idempotent or it provably never left, within one policy.",
    source: "agentwire design: operation table",
  },
  "core.http.redirect": {
    statement: "A redirect is never followed; the call fails with an error that says so.",
    source: "agentwire design: credentials",
  },
  "core.http.errors": {
    statement:
      "Every status outside 200 to 299 is an error of the class that says what a caller can do about it.",
    source: "agentwire design: errors",
  },
  "core.http.ids": {
    statement: "Ids in paths are encoded whole; one that would change the path is refused.",
    source: "RFC 3986; WHATWG URL",
  },
  "core.http.bounded": {
    statement: "An answer that is larger than allowed is not read to its end.",
    source: "agentwire design: bad input",
  },
  "worker.engine": {
    statement:
      "Work is answered exactly once: by its own end, or by a cancel, a deadline or a close; slots are granted in order and freed once.",
    source: "our own promise",
  },
} as const satisfies Requirements;
