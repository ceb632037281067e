import type { Requirements } from "./types.ts";

export const neuron = {
  "neuron.schema.verdicts": {
    statement:
      "A lease's schema gives the verdicts of holokai-neuron-sdk 0.2.0, by its dialect; an unusable one is a mismatch, never silence.",
    source: "holokai-neuron-sdk 0.2.0, schema_cases.json",
  },
  "neuron.schema.source": {
    statement:
      "The registered schema judges, else the lease's; the order can be chosen. Null, {} and booleans on a lease count as none.",
    source: "TypeScript reference; holokai-neuron-sdk 0.2.0",
  },
  "neuron.schema.remote": {
    statement:
      "Schemas of leases are bounded in size and number, an evicted one leaves nothing behind, and nothing is fetched.",
    source: "agentwire",
  },
  "neuron.schema.unsupported": {
    statement: "Where code generation is forbidden, the author hears of it at start().",
    source: "agentwire",
  },
  "neuron.auth.refresh": {
    statement:
      "The auth callback is asked for every request and once more, with the reason, when the answer is 401; then the request fails.",
    source: "holokai-neuron-sdk 0.2.0",
  },
  "neuron.auth.revoked": {
    statement: "Revoked credentials end all reconnecting and are told in an error event.",
    source: "neuron documents, CredentialRevokedError",
  },
  "neuron.auth.insecure": {
    statement: "A token that would travel unencrypted beyond the machine is warned about once.",
    source: "agentwire",
  },
  "neuron.http.proxy": {
    statement:
      "On Node a neuron and its token requests heed HTTP_PROXY, HTTPS_PROXY and NO_PROXY, and take certificates as options.",
    source: "holokai-neuron-sdk 0.2.0 (httpx)",
  },
  "neuron.environment": {
    statement:
      "What is not given is read from BIGBRAIN_GATEWAY_URL, BIGBRAIN_NEURON_ID, BIGBRAIN_CREDENTIAL_FILE, BIGBRAIN_TOKEN and BIGBRAIN_TOKEN_FILE.",
    source: "developer-hub, examples",
  },
  "neuron.run": {
    statement:
      "run() serves until a signal or a stop, and rejects when the gateway or the credential ends all reconnecting.",
    source: "agentwire",
  },
  "neuron.http.redirect": {
    statement: "No request that carries a token follows a redirect; a redirect is a failure.",
    source: "agentwire",
  },
  "neuron.http.errors": {
    statement:
      "A refused request is a typed error with the gateway's code and raw body, and never shows the token.",
    source: "neuron protocol, error answers",
  },
  "neuron.stream.idle": {
    statement: "A stream on which nothing comes for the idle time is closed and opened anew.",
    source: "agentwire",
  },
  "neuron.stream.event-id": {
    statement: "An event id, if one ever comes, is sent as Last-Event-ID with the next opening.",
    source: "neuron architecture document",
  },
  "neuron.stream.too-large": {
    statement:
      "A lease that is too large is refused and the stream goes on if its id is among the first bytes; otherwise the stream backs off; both are error events.",
    source: "agentwire",
  },
  "neuron.stream.backoff": {
    statement:
      "The wait before a reconnect heeds Retry-After and the retry field, and starts anew only after an event or five seconds of life.",
    source: "RFC 9110, Retry-After; WHATWG HTML, server-sent events",
  },
  "neuron.stream.disconnect": {
    statement: "A disconnect frame that is not reconnectable ends all reconnecting, unless overridden.",
    source: "neuron protocol, disconnect frame",
  },
  "neuron.ipc": {
    statement:
      "A neuron runs over a bridge to another process; a bridge that throws is told in an error event.",
    source: "TypeScript reference",
  },
  "neuron.stop.any-moment": {
    statement:
      "A stop at any moment settles, answers every lease once, and leaves no timer, socket or listener.",
    source: "agentwire",
  },
  "neuron.sse.any-bytes": {
    statement: "No bytes on the event stream crash its decoder, and where they are split changes nothing.",
    source: "WHATWG HTML, server-sent events",
  },
  "neuron.sse.form": {
    statement:
      "Event streams are read with LF or CRLF, after a byte order mark, split anywhere; comments and unfinished events are dropped.",
    source: "WHATWG HTML, server-sent events",
  },
  "neuron.sse.bound": {
    statement: "An event larger than the limit ends the stream instead of filling the memory.",
    source: "agentwire",
  },
  "neuron.frame.any-value": {
    statement: "Whatever a frame holds, it is read leniently or refused with a typed error.",
    source: "agentwire",
  },
  "neuron.browser": {
    statement: "The neuron entry runs where there is fetch and nothing of Node.",
    source: "@holokai/neuron-sdk, reference: Node 20+ and browsers",
  },
  "neuron.readme.quick-start": {
    statement:
      "The quick start of the README works: a handler reports progress and returns an echo, which is acked.",
    source: "holokai-neuron-sdk 0.1.1 README",
  },
  "neuron.handler.contract": {
    statement: "A handler gets its input and a context with task, leaseId, signal, log, progress and fail.",
    source: "holokai-neuron-sdk 0.1.1 README; TypeScript reference",
  },
  "neuron.lease.outcomes": {
    statement: "Every way in which a handler can end has its frame, and exactly one is sent.",
    source: "holokai-neuron-sdk 0.1.1 README (failure classification)",
  },
  "neuron.handler.shared": {
    statement: "A handler made with defineHandler is served as a lease without a change.",
    source: "agentwire",
  },
  "neuron.contract.standard-schema": {
    statement:
      "A contract's own schema judges: the handler sees transformed input, transformed output is acked.",
    source: "TypeScript reference",
  },
  "neuron.lease.fifo": {
    statement:
      "Leases of a capability start in the order of arrival, at most `concurrency` at a time; heartbeats list the running ones only.",
    source: "holokai-neuron-sdk 0.2.0",
  },
  "neuron.lease.cancel": {
    statement:
      "A cancelled lease is answered with a cancelled nack, also when it was still queued; a cancel for no lease in hand is ignored.",
    source: "neuron protocol, cancel frame",
  },
  "neuron.lease.duplicate": {
    statement: "A leaseId that is delivered twice runs and is answered once.",
    source: "neuron protocol, ack and nack",
  },
  "neuron.lease.retry": {
    statement: "An ack or nack that was not accepted is posted again unchanged within the lease's life.",
    source: "neuron protocol, delivery at least once",
  },
  "neuron.lease.retry-after": {
    statement:
      "An answer refused with Retry-After waits as long as asked, but no longer than its lease lives, and is posted at least once more.",
    source: "RFC 9110, Retry-After; neuron protocol, ack and nack",
  },
  "neuron.lease.deadline": {
    statement:
      "ctx.deadline moves with each accepted heartbeat and is a duration between two times of the gateway, added to this side's clock.",
    source: "neuron protocol, heartbeat",
  },
  "neuron.lease.lost": {
    statement:
      "A running lease for which no heartbeat is accepted for one life is lost: its signal fires, it gets no answer, and an error event says so.",
    source: "agentwire",
  },
  "neuron.heartbeat.bounded": {
    statement:
      "Heartbeats are sent, and each is bounded, by the smaller of the interval and half the shortest life; they never wait for answers.",
    source: "agentwire",
  },
  "neuron.progress.bounded": {
    statement:
      "Progress that cannot be sent delays an answer by half a second at most, and is not sent after it.",
    source: "neuron protocol, progress",
  },
  "neuron.nack.text": {
    statement: "Whatever a handler throws becomes a nack whose reason is text of at most 2,048 characters.",
    source: "neuron protocol, nack",
  },
  "neuron.nack.refused": {
    statement: "A nack that the gateway refuses with 400, 413 or 422 is replaced by a short one, once.",
    source: "neuron protocol, ack and nack",
  },
  "neuron.lease.unreadable": {
    statement:
      "A lease frame that cannot be read is answered when its id can be; other bad frames are dropped and the stream goes on.",
    source: "agentwire; holokai-neuron-sdk 0.2.0",
  },
  "neuron.lease.expired": {
    statement:
      "What happens to a lease that expired before its handler got a slot is the author's choice; by default it runs.",
    source: "holokai-neuron-sdk 0.2.0",
  },
  "neuron.lease.dedupe": {
    statement: "A redelivered task can be answered with the result it got before, by its taskId.",
    source: "neuron guide, idempotency",
  },
  "neuron.capability.revoked": {
    statement:
      "Leases in hand of a revoked capability fail and later ones are handed back; other capabilities go on.",
    source: "neuron architecture document",
  },
  "neuron.register.fallback": {
    statement:
      "A 1.1.0 registration that is refused with 400 or 422 is made once more as 1.0.0 without contracts, and that is remembered.",
    source: "neuron protocol, versions",
  },
  "neuron.register.retry": {
    statement:
      "A registration that fails because the gateway is in trouble is tried again while the stream stands.",
    source: "neuron protocol, register",
  },
  "neuron.register.refused": {
    statement:
      "A refused registration is repeated with backoff while the stream stands, with an error event for each refusal; approval later takes effect.",
    source: "neuron protocol, admission",
  },
  "neuron.register.filtered": {
    statement: "Capabilities that the gateway did not take are warned about by name.",
    source: "neuron protocol, registered frame",
  },
  "neuron.start.author": {
    statement: "Mistakes of the author, no handler or an invalid schema, are told at start().",
    source: "holokai-neuron-sdk 0.2.0; TypeScript reference",
  },
  "neuron.update": {
    statement:
      "updateCapability changes the slots at once and sends the whole capability when connected, else with the next registration.",
    source: "holokai-neuron-sdk 0.2.0",
  },
  "neuron.stop.drain": {
    statement:
      "A stop hands back queued and new leases at once, waits for running handlers, and keeps heartbeats going until the last answer.",
    source: "TypeScript reference; neuron protocol",
  },
  "neuron.stop.timeout": {
    statement:
      "After the timeout of a stop all handlers are aborted and every lease is answered, also for handlers that ignore it.",
    source: "holokai-neuron-sdk 0.2.0",
  },
  "neuron.auth.secret": {
    statement: "A token never shows in logs, errors or when a neuron is printed.",
    source: "agentwire",
  },
  "neuron.wire.traces": {
    statement:
      "Requests are those of holokai-neuron-sdk 0.2.0: the same methods, paths, headers and bodies, but for ids, times and listed differences.",
    source: "holokai-neuron-sdk 0.2.0, 18 recorded traces",
  },
  "neuron.gateway.lease": {
    statement:
      "The embedded gateway hands out a task as a lease with an id, an expiry and the task, and takes its ack as the outcome.",
    source: "neuron protocol, lease frame",
  },
  "neuron.gateway.answer-once": {
    statement:
      "The embedded gateway takes a repeated answer that is the same, and refuses and counts another one for the same lease.",
    source: "neuron protocol, ack and nack",
  },
  "neuron.gateway.concurrency": {
    statement:
      "The embedded gateway leaves at most `concurrency` leases of a capability unanswered, first in first out, and follows update-capability.",
    source: "neuron architecture document, prefetch",
  },
  "neuron.gateway.ttl": {
    statement:
      "A lease of the embedded gateway expires unless heartbeats renew it; the task then comes again with attempt + 1.",
    source: "neuron architecture document, lease reaper",
  },
  "neuron.gateway.redeliver": {
    statement: "Leases of a stream that ended are given out again under another lease id.",
    source: "neuron architecture document, redelivery",
  },
  "neuron.gateway.retry": {
    statement:
      "Only a retryable nack is tried again, and only as often as the task's retry policy says, with its backoff.",
    source: "DAG authoring guide, retry",
  },
  "neuron.gateway.cancel": {
    statement:
      "Cancelling a task takes it from the queue, or sends a cancel frame for its lease, also after a reconnect.",
    source: "neuron protocol, cancel frame",
  },
  "neuron.gateway.strict": {
    statement:
      "The embedded gateway answers 400 INVALID_FRAME to every body that does not fit the closed schemas or the rules beside them.",
    source: "neuron protocol, strict frames",
  },
  "neuron.gateway.1.0.0": {
    statement: "A gateway from before 1.1.0 answers INVALID_FRAME to a frame with contract members.",
    source: "neuron protocol 1.1.0 (HOL-2926)",
  },
  "neuron.gateway.admission": {
    statement:
      "Register and update-capability are answered 403 with CAPABILITY_DENIED or CAPABILITY_PENDING_APPROVAL; what policy filters is missing in `registered`.",
    source: "neuron architecture document, admission",
  },
  "neuron.gateway.faults": {
    statement:
      "A fault script makes the embedded gateway fail at chosen requests: status, delay, dropped connection, dropped stream, duplicate, split frame, cancel.",
    source: "testing, fault script",
  },
  "neuron.gateway.restart": {
    statement: "The embedded gateway can go down and come up on the same port; tasks and leases stay.",
    source: "testing, fault script",
  },
  "neuron.gateway.python": {
    statement:
      "holokai-neuron-sdk 0.2.0 registers, beats, reports, acks, nacks, is cancelled, drains and reconnects against the embedded gateway unchanged.",
    source: "holokai-neuron-sdk 0.2.0 (PyPI)",
  },
  "neuron.auth.file": {
    statement:
      "The credential file is JSON with four members, two spaces of indent and a final newline, mode 0600 in a folder of mode 0700, also after it was overwritten.",
    source: "holokai-neuron-sdk 0.2.0, credential_file",
  },
  "neuron.auth.file-malformed": {
    statement:
      "A missing credential file means not enrolled; a malformed one is an error and never taken for missing.",
    source: "holokai-neuron-sdk 0.2.0, credential_file",
  },
  "neuron.auth.cache": {
    statement: "A token is kept until max(life - 60 s, life / 2); calls at the same time share one request.",
    source: "holokai-neuron-sdk 0.2.0, client_credentials",
  },
  "neuron.auth.rotate": {
    statement:
      "On invalid_client the credential file is read once more; unchanged, gone or refused again is CredentialRevokedError.",
    source: "holokai-neuron-sdk 0.2.0, client_credentials",
  },
  "neuron.auth.errors": {
    statement:
      "A refusal of the token endpoint is an OAuthTokenError with error, status and description; http_<status> and invalid_response where it names none.",
    source: "holokai-neuron-sdk 0.2.0, token_client",
  },
  "neuron.auth.discovery": {
    statement:
      "Endpoints come from RFC 8414 metadata, re-rooted to the base URL; any failure means the fixed paths.",
    source: "holokai-neuron-sdk 0.2.0, discovery",
  },
  "neuron.auth.enroll": {
    statement:
      "Enrolment follows RFC 8628, keeps a credential that mints, replaces a revoked one, and writes the file.",
    source: "holokai-neuron-sdk 0.2.0, enrollment",
  },
  "neuron.auth.enroll-errors": {
    statement:
      "An enrolment that fails ends with EnrollmentError expired_token, access_denied, invalid_response or device_request_failed.",
    source: "holokai-neuron-sdk 0.2.0, enrollment",
  },
  "neuron.auth.traces": {
    statement:
      "Our OAuth requests are those of the recordings: method, path, Accept, Content-Type, form; so are the waits between polls.",
    source: "recordings of holokai-neuron-sdk 0.2.0",
  },
  "neuron.auth.stop": {
    statement: "A neuron whose credential was revoked stops reconnecting and says so.",
    source: "holok-ai/developer-hub, neuron auth",
  },
  "neuron.auth.cli": {
    statement:
      "`agentwire enroll` takes --moku-url, --name, --capabilities and --credentials-file; exit 0, 1 with the code, 130 on Ctrl-C.",
    source: "holokai-neuron-sdk 0.2.0, command line",
  },
  "neuron.auth.python": {
    statement: "A credential file written by either side is read by the other.",
    source: "holokai-neuron-sdk 0.2.0 (PyPI)",
  },
  "neuron.faults": {
    statement:
      "Over dropped streams, restarts of the gateway, cancels, lost answers and repeated leases, every lease that arrives is answered, none with two different answers, none acked after its cancel.",
    source: "holok-ai/developer-hub, lease life cycle",
  },
  "neuron.gateway.workflow": {
    statement:
      "The workflow runner hands outputs on by dot paths, obeys dependency conditions, and tries a retryable failure again only where the task has a retry.",
    source: "DAG authoring guide",
  },
  "neuron.gateway.node-only": {
    statement:
      "`agentwire/testing` loads in a browser; starting the embedded gateway anywhere but on Node rejects with Unsupported.",
    source: "testing, imports",
  },
} as const satisfies Requirements;
