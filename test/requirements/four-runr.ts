import { fourRunrLocal } from "./four-runr-local.ts";
import type { Requirements } from "./types.ts";

const gateway = "KyanBergeron4Runr/4Runr-AI-Agent-OS, the token gateway";
const readme = "description of runrgateway 1.0.0";

/** What the 4Runr gateway asks of a client, as far as it is built here, and of its counterpart. */
export const fourRunr = {
  ...fourRunrLocal,
  "fourRunr.idempotency.freed": {
    statement: "A key is taken when the POST leaves: a failure before it, of whatever kind, frees the key.",
    source: "agentwire design, 4Runr",
  },
  "fourRunr.idempotency.joined": {
    statement: "Callers who share a key leave by their own signals; the call ends with the last of them.",
    source: "agentwire design, 4Runr",
  },
  "fourRunr.middleware.once": {
    statement: "Middleware is composed once, when the client is made.",
    source: "agentwire design, 4Runr",
  },
  "fourRunr.admin.quota-bound": {
    statement: "A count from a log that is cut off says that it is a lower bound.",
    source: "agentwire design, 4Runr",
  },
  "fourRunr.time.token": {
    statement: "timeoutMs of a call bounds its token request too.",
    source: "agentwire design, 4Runr",
  },
  "fourRunr.time.total": {
    statement: "totalTimeoutMs bounds the whole call with the waits of limiter and retries.",
    source: "agentwire design, 4Runr",
  },
  "fourRunr.token.clock": {
    statement: "A token's end refused as past is asked for again by the gateway's clock.",
    source: "agentwire design, 4Runr",
  },
  "fourRunr.token.slept": {
    statement: "An own token that became too old while the machine slept is replaced, not refused.",
    source: "agentwire design, 4Runr",
  },
  "fourRunr.errors.facts": {
    statement: "An error about a response carries its status, headers, body and both ids of the call.",
    source: "agentwire design, 4Runr",
  },
  "fourRunr.results": {
    statement: "The result of a call gives access to status, headers, the gateway's id and the attempts.",
    source: "agentwire design, 4Runr",
  },
  "fourRunr.bridge.chat": {
    statement: "A chat is sent as the real API takes it; `input` is added for a gateway in mock mode.",
    source: "agentwire design, 4Runr",
  },
  "fourRunr.urls.password": {
    statement: "A base URL with a password is refused in the constructor, and not shown.",
    source: "agentwire design, 4Runr",
  },
  "fourRunr.token.cache": {
    statement:
      "One token is kept for each set of tools and permissions and used until it is due for renewal.",
    source: `${readme}, automatic token management`,
  },
  "fourRunr.token.single-flight": {
    statement: "Calls that need the same token at the same time share one request for it.",
    source: "agentwire design, 4Runr",
  },
  "fourRunr.token.renewal": {
    statement: "A token is renewed with less than five minutes left, a short one at half of its time.",
    source: `${gateway}, rotation`,
  },
  "fourRunr.token.utc": {
    statement: "The end of a token is asked for in UTC with Z, whatever the time zone of the machine.",
    source: `${gateway}, generate-token`,
  },
  "fourRunr.token.age": {
    statement: "A token older than 24 hours is refused before anything is sent.",
    source: `${readme}, security notes`,
  },
  "fourRunr.rotation.once": {
    statement: "A call whose answer recommends rotation is not made again; the next one has a new token.",
    source: `${readme}, token rotation; ${gateway}`,
  },
  "fourRunr.rotation.refused": {
    statement: "A call refused for the client's own token is made once more with a new one.",
    source: `${gateway}, order of the checks`,
  },
  "fourRunr.errors.table": {
    statement: "Every refusal becomes the error that its text and status stand for.",
    source: `${readme}, error handling; ${gateway}`,
  },
  "fourRunr.errors.retry-after": {
    statement: "The wait of a rate limit is read from the body, else from the header as seconds or date.",
    source: gateway,
  },
  "fourRunr.retry.waits": {
    statement: "Up to four tries, waits of 1, 2 and 4 s within 12.5 %, each try with a time of its own.",
    source: "both vendor SDKs, backoff",
  },
  "fourRunr.retry.idempotent": {
    statement: "Only idempotent actions are tried again after a failure that leaves open what happened.",
    source: `${readme}, automatic retries`,
  },
  "fourRunr.retry.mail": {
    statement: "A mail is sent again only when it is certain that nothing was sent.",
    source: `${readme}, automatic retries`,
  },
  "fourRunr.intent": {
    statement: "The intent stands in params, where policies look, and can be left out of them per tool.",
    source: `${gateway}, policies`,
  },
  "fourRunr.bridge": {
    statement: "Parameters that gateway and tool know under two names are sent under both.",
    source: `${gateway}, tools`,
  },
  "fourRunr.params": {
    statement: "Parameters that the gateway would refuse are refused before a call is spent on them.",
    source: `${gateway}, validators`,
  },
  "fourRunr.proof": {
    statement: "In proof mode the token's id and exact payload are sent, where the payload can be read.",
    source: `${gateway}, provenance`,
  },
  "fourRunr.async": {
    statement: "A background call on a gateway without jobs is a finished job of the client.",
    source: `${readme}, proxy_async`,
  },
  "fourRunr.mock": {
    statement: "mock:// works in the process, with any key, without a socket, the same in every run.",
    source: `${readme}, mock mode`,
  },
  "fourRunr.rate-limit": {
    statement: "With the local limiter no more than five calls leave in any 60 s.",
    source: `${gateway}, rate limit`,
  },
  "fourRunr.masking": {
    statement: "Tokens, keys, passwords and proof payloads show up in no log, error, event or inspection.",
    source: `${readme}, security notes`,
  },
  "fourRunr.idempotency.keys": {
    statement: "Keys from data equal those of the vendor's Python and JavaScript helpers.",
    source: "both vendor SDKs, idempotency",
  },
  "fourRunr.idempotency.once": {
    statement: "Two calls with one idempotency key are one call.",
    source: `${readme}, idempotency`,
  },
  "fourRunr.revoke": {
    statement: "Tokens are revoked by token_id with a POST that has neither body nor content type.",
    source: `${gateway}, admin`,
  },
  "fourRunr.urls": {
    statement: "URLs have no double and no trailing slash, and ids in paths are percent-encoded.",
    source: `${gateway}, routes`,
  },
  "fourRunr.redirects": {
    statement: "A redirect is refused, so that no token goes to another place.",
    source: "agentwire design, secrets",
  },
  "fourRunr.recordings": {
    statement:
      "Recorded answers of the gateway, and recorded sessions of both SDKs, give what they stand for.",
    source: "recordings of the gateway and of both SDKs",
  },
  "fourRunr.readme": {
    statement: "Every block of code in the vendor's README works, unchanged in meaning.",
    source: readme,
  },
  "fourRunr.admin": {
    statement: "An operator creates agents, tokens and policies and reads logs in typed calls.",
    source: gateway,
  },
  "fourRunr.admin.verdict": {
    statement: "wouldAllow says beforehand what the gateway's policies say.",
    source: `${gateway}, policy engine`,
  },
  "fourRunr.admin.explain": {
    statement: "explain joins what the gateway's logs hold of one call.",
    source: `${gateway}, logs`,
  },
} as const satisfies Requirements;
