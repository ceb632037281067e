import type { Requirements } from "./types.ts";

const gateway = "KyanBergeron4Runr/4Runr-AI-Agent-OS, the token gateway";

/** What `Local4Runr` promises. */
export const fourRunrLocal = {
  "fourRunr.local.recordings": {
    statement: "Asked the same at the same time, the counterpart gives the answers that were recorded.",
    source: "recordings of the gateway in mock and live mode",
  },
  "fourRunr.local.rate": {
    statement: "Five proxied calls in 60 s for each agent; the wait is in the body, in whole seconds.",
    source: gateway,
  },
  "fourRunr.local.breaker": {
    statement: "Five failures in all open a tool's breaker for 30 s; then one success closes it.",
    source: gateway,
  },
  "fourRunr.local.upstream": {
    statement: "A tool's own failure keeps its status and body and loses its Retry-After.",
    source: gateway,
  },
  "fourRunr.local.retries": {
    statement: "The gateway tries serpapi, openai and http_fetch up to three times, gmail_send once.",
    source: gateway,
  },
  "fourRunr.local.chaos": {
    statement: "With the chaos switch on, a fifth of the calls fail after 0.3 to 1.5 s.",
    source: gateway,
  },
  "fourRunr.local.tokens": {
    statement: "A token with less than five minutes left names its rotation; a late one is refused.",
    source: gateway,
  },
  "fourRunr.local.revocation": {
    statement: "Revocation bites only for calls that carry the token's id and payload.",
    source: gateway,
  },
  "fourRunr.local.faults": {
    statement: "Faults come by a script: dropped, delayed, refused, malformed and split answers.",
    source: "agentwire design, embedded counterparts",
  },
  "fourRunr.local.strict": {
    statement: "The counterpart validates strictly against the spec.",
    source: "agentwire design, embedded counterparts",
  },
  "fourRunr.local.secrets": {
    statement: "No token, key or signing secret is shown by the counterpart's log, events or inspection.",
    source: "agentwire design, secrets",
  },
  "fourRunr.local.policy": {
    statement: "Policies are judged in the gateway's local time; hosts are guarded for http_fetch:get only.",
    source: gateway,
  },
  "fourRunr.local.quota": {
    statement: "A quota is spent when the policy passes, even if the call is refused afterwards.",
    source: gateway,
  },
  "fourRunr.local.wouldAllow": {
    statement: "wouldAllow foretells the gateway's verdict from the merged policy.",
    source: "agentwire, GatewayAdmin",
  },
  "fourRunr.local.params": {
    statement: "The client refuses the params that the gateway would refuse, in the same words.",
    source: gateway,
  },
  "fourRunr.local.fuzz": {
    statement: "Whatever it is sent, the counterpart gives an answer that the spec describes.",
    source: "agentwire design, embedded counterparts",
  },
  "fourRunr.local.examples": {
    statement: "Lead scraper, data enricher and email engager run on mock:// and on a gateway over HTTP.",
    source: "README of runrgateway 1.0.0, examples",
  },
} as const satisfies Requirements;
