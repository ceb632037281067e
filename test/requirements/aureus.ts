import type { Requirements } from "./types.ts";

/** What the Aureus dialects ask of a client, as far as it is built here. */
export const aureus = {
  "aureus.v1.requests": {
    statement:
      "Every V1 call sends the method, path, query and body that the Python SDK sends, but for nulls.",
    source: "recordings of aureus-sdk 0.1.0",
  },
  "aureus.v1.answers": {
    statement:
      "Recorded V1 answers are read as the Python SDK reads them; null, absent and unknown values are fine.",
    source: "recordings of aureus-sdk 0.1.0",
  },
  "aureus.v1.nulls": {
    statement: "No null is sent, unless explicit nulls are asked for: then the members are those of Python.",
    source: "recordings of aureus-sdk 0.1.0",
  },
  "aureus.v1.opaque": {
    statement: "Keys of user data and of maps keyed by ids are never converted, in either direction.",
    source: "recordings of aureus-sdk 0.1.0",
  },
  "aureus.v1.paths": {
    statement: "Ids are percent-encoded; a path prefix of the base URL stays and its trailing slashes go.",
    source: "agentwire design, Aureus",
  },
  "aureus.v1.retry": {
    statement:
      "Only calls the spec calls idempotent are made again, never execute, cancel and approval, never on 500.",
    source: "agentwire design, retries",
  },
  "aureus.v1.errors": {
    statement: "A failed call says status, the server's error, details and errors, and the correlation id.",
    source: "Aureus Python SDK summary, future enhancements",
  },
  "aureus.v1.console": {
    statement: "A V1 client that meets a console server says so, telemetry calls included.",
    source: "recordings of the Aureus console server",
  },
  "aureus.v1.guide": {
    statement: "Every code block of the Python SDK's usage guide has its counterpart with the same meaning.",
    source: "Aureus Python SDK usage guide",
  },
  "aureus.v1.secrets": {
    statement:
      "Neither key, password nor token shows in errors, logs or printed objects, and none follows a redirect.",
    source: "agentwire design, secrets",
  },
  "aureus.v1.close": {
    statement: "A closed client ends the calls in hand and takes no more.",
    source: "Aureus Python SDK usage guide, context manager",
  },
  "aureus.v1.pool": {
    statement: "The connection pool can be chosen: a dispatcher given to a client reaches every fetch.",
    source: "Aureus Python SDK summary, future enhancements",
  },
  "aureus.iterate": {
    statement:
      "Metrics of a long time and the progress of a workflow are async iterators that end and can be ended.",
    source: "Aureus Python SDK summary, future enhancements",
  },
  "aureus.telemetry.counts": {
    statement:
      "Sent, lost and pending add up to what was recorded, whatever the server does; each loss is an event.",
    source: "agentwire design, Aureus",
  },
  "aureus.telemetry.flush": {
    statement: "Telemetry is sent when enough waits, after the interval, and on close; it never throws.",
    source: "agentwire design, Aureus",
  },
  "aureus.telemetry.copies": {
    statement: "What is recorded is the state at the call; what has no JSON is a loss with its error.",
    source: "agentwire design, Aureus",
  },
  "aureus.telemetry.outage": {
    statement:
      "With default options an outage of a minute loses nothing, and retries do not hammer the server.",
    source: "agentwire design, Aureus",
  },
  "aureus.telemetry.exit": {
    statement:
      "A Node process that exits with telemetry pending says so in one line; nothing keeps it alive.",
    source: "agentwire design, Aureus",
  },
  "aureus.telemetry.spool": {
    statement: "What could not be sent waits in the spool file and arrives after the next start.",
    source: "agentwire design, Aureus",
  },
  "aureus.telemetry.spans": {
    statement: "Spans carry their parent and trace; OpenTelemetry spans become the same.",
    source: "Aureus Python SDK usage guide",
  },
  "aureus.console.recordings": {
    statement: "Every recorded answer of the console server is a typed answer or a typed error.",
    source: "recordings of the Aureus console server",
  },
  "aureus.console.login": {
    statement: "The login is lazy, shared, renewed before its end, and made once more after a 401.",
    source: "Aureus console server, authentication",
  },
  "aureus.console.decision": {
    statement: "Waiting for a decision ends with the decision, the time limit or the signal.",
    source: "Aureus console server, approvals",
  },
  "aureus.console.convert": {
    statement: "A V1 workflow converts to the console's form with nothing dropped that is not named.",
    source: "recordings of the Aureus console server",
  },
} as const satisfies Requirements;
