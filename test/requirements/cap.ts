import type { Requirements } from "./types.ts";

/** What CAP asks of a peer, as far as it is built here. */
export const cap = {
  "cap.proto.complete": {
    statement:
      "The proto files hold every message, field, enum, service, reserved range and file option of 2.17.0, and nothing else.",
    source: "CAP 2.17.0 descriptor set",
  },
  "cap.canonical.bytes": {
    statement:
      "A signature covers the packet without field 14: fields ascending, defaults left out, map entries sorted by UTF-8 bytes, in spec order or in the order of upb.",
    source: "CAP spec 05; cap-sdk-python 2.17.0",
  },
  "cap.canonical.messages": {
    statement:
      "Every other message of the protocol has the same canonical form, google.protobuf.Struct included.",
    source: "CAP spec 05; cap-sdk-python 2.17.0",
  },
  "cap.canonical.equivalent": {
    statement:
      "Different encodings of one message (order, splits, long varints, duplicates) have one canonical form.",
    source: "cap-sdk-python 2.17.0",
  },
  "cap.canonical.unknown": {
    statement: "Unknown fields are kept at every level and written after the known fields of their message.",
    source: "CAP spec 05; cap-sdk-python 2.17.0",
  },
  "cap.canonical.roundtrip": {
    statement: "What the canonical encoder writes is read back equal by any protobuf decoder.",
    source: "CAP spec 02",
  },
  "cap.canonical.values": {
    statement:
      "A value that does not fit its field is refused with the name of the field, never written as something else.",
    source: "CAP spec 02",
  },
  "cap.packet.roundtrip": {
    statement: "A packet that was received can be sent again byte for byte.",
    source: "CAP spec 02",
  },
  "cap.packet.malformed": {
    statement:
      "Bytes that are no packet, are cut off, or are too many are refused with MalformedPacketError and never crash.",
    source: "CAP spec 13 (101)",
  },
  "cap.packet.bounds": {
    statement:
      "Depth and number of fields are bounded before a packet is decoded and its signature is checked.",
    source: "agentwire",
  },
  "cap.packet.create": {
    statement: "A packet carries a trace id, its sender, the time it was made and wire version 1.",
    source: "CAP spec 02",
  },
  "cap.packet.token": {
    statement:
      "A session token is set before the rules are checked and the packet is signed; a signed packet without its key keeps its token.",
    source: "cap-sdk-python 2.17.0",
  },
  "cap.validate.rules": {
    statement:
      "The rules of the envelope and of every payload are checked before sending and after receiving, with the peers' field names and texts.",
    source: "CAP spec 02; cap-sdk-python 2.17.0",
  },
  "cap.validate.errors": {
    statement:
      "A broken rule is a typed error: wrong version, unknown payload, or invalid input with the list of issues.",
    source: "CAP spec 13 (100, 102, 203)",
  },
  "cap.sign.bytes": {
    statement:
      "A packet is signed with ECDSA P-256 over SHA-256 of its canonical bytes, ASN.1 DER, in field 14.",
    source: "CAP spec 05",
  },
  "cap.verify.orders": {
    statement: "A signature over either map order verifies.",
    source: "CAP spec 05; cap-sdk-python 2.17.0",
  },
  "cap.verify.strict": {
    statement:
      "With keys given, only packets signed by a key of exactly their sender are taken; an empty set of keys takes none.",
    source: "CAP spec 05; cap-sdk-python 2.17.0",
  },
  "cap.verify.reasons": {
    statement: "A refused signature says why: missing, unknown sender, or wrong.",
    source: "CAP spec 13 (103, 104)",
  },
  "cap.verify.rotation": {
    statement: "A sender may have several keys; a packet signed by any of them is taken.",
    source: "CAP spec 05",
  },
  "cap.verify.raw": {
    statement: "A signature over the bytes in the order they were sent is taken only when that is asked for.",
    source: "CAP Go SDK before 2.1x",
  },
  "cap.keys.live": {
    statement: "Keys added to and removed from a key ring in use hold from the next packet on.",
    source: "agentwire",
  },
  "cap.trust.topic": {
    statement:
      "A job request is taken only from the subject of its topic, the worker's direct subject, or sys.job.submit.",
    source: "agentwire",
  },
  "cap.trust.roles": {
    statement: "A key with roles verifies only what a sender of these roles may send.",
    source: "agentwire",
  },
  "cap.trust.replay": {
    statement: "With maxAgeMs, packets that are too old or were taken before are refused.",
    source: "agentwire",
  },
  "cap.bus.contract": {
    statement: "The memory bus and NATS deliver alike: to whom, in which order, and until when.",
    source: "NATS",
  },
  "cap.keys.files": {
    statement:
      "A key is found in every file that openssl, python cryptography and node:crypto read, with one verdict on both backends.",
    source: "OpenSSL 3; cryptography 48; node:crypto",
  },
  "cap.keys.formats": {
    statement: "Private keys are read from PEM in PKCS8 and SEC1 form, public keys in SPKI form.",
    source: "CAP spec 05",
  },
  "cap.keys.curve": {
    statement: "Keys are on P-256; anything else is refused when the object that needs the key is made.",
    source: "CAP spec 05",
  },
  "cap.keys.secret": {
    statement: "A private key never shows in logs, errors or when an object that holds it is printed.",
    source: "CAP spec 12",
  },
  "cap.pointer.key": {
    statement:
      "The key of a pointer is all that follows redis://, unchanged; other pointers are refused in the peers' words.",
    source: "CAP spec 06; cap-sdk-python 2.17.0",
  },
  "cap.agent-name.sanitize": {
    statement: "Agent names have their white space folded and end after 128 characters.",
    source: "cap-sdk-python 2.17.0",
  },
  "cap.trust.vectors": {
    statement: "Packets of the worker trust handshake are made and judged as the SDK makes and judges them.",
    source: "cap-sdk-python 2.17.0 (trust.json)",
  },
  "cap.trust.session": {
    statement:
      "A worker whose trust is on obtains a session, renews it, and without a live one neither takes jobs nor, in enforce, sends packets.",
    source: "CAP 2.17.0, worker trust; cap-sdk-python 2.17.0",
  },
  "cap.trust.config": {
    statement:
      "A worker trust configuration that is incomplete or contradicts its mode ends the start, in warn too.",
    source: "cap-sdk-python 2.17.0",
  },
  "cap.production.vectors": {
    statement: "Packets under CAP-PRODUCTION are judged on their exact bytes, as the SDK judges them.",
    source: "cap-sdk-python 2.17.0 (production.json)",
  },
  "cap.production.admission": {
    statement:
      "Under CAP-PRODUCTION a job is verified, validated, held to its identity and admitted once before its handler runs; every refusal is an event.",
    source: "CAP spec 19",
  },
  "cap.production.result": {
    statement:
      "Results and progress under CAP-PRODUCTION carry the identity and dispatch of the admitted request.",
    source: "CAP spec 19",
  },
  "cap.production.resource": {
    statement:
      "A resource is handed over only if its size, type, digest and expiry are those of its reference.",
    source: "CAP spec 19",
  },
  "cap.secrets": {
    statement: "Keys and tokens never show in logs, errors, events or what an object prints.",
    source: "agentwire",
  },
  "cap.trust.mode": {
    statement: "The worker trust mode is off, warn or enforce, in any case.",
    source: "cap-sdk-python 2.17.0",
  },
  "cap.bus.queue": {
    statement: "Of the subscribers in one queue group each message reaches exactly one.",
    source: "CAP spec 03; NATS",
  },
  "cap.bus.subjects": {
    statement: "Subjects are tokens between dots; subscriptions may use the wildcards * and >.",
    source: "CAP spec 03; NATS",
  },
  "cap.bus.drain": {
    statement: "Draining takes no new messages and hands over those already received.",
    source: "NATS",
  },
  "cap.client.submit": {
    statement: "A job is submitted by publishing its request on sys.job.submit, signed when there is a key.",
    source: "cap-sdk-python README",
  },
  "cap.worker.queue": {
    statement: "A worker subscribes with its subject as the queue group.",
    source: "cap-sdk-python 2.17.0",
  },
  "cap.worker.result": {
    statement:
      "A result goes to sys.job.result with the trace id of the request, the job's id and the worker's own id.",
    source: "CAP spec 04; cap-sdk-python README",
  },
  "cap.worker.id": {
    statement:
      "A result in which the handler named another worker is sent under the sender's id and not lost.",
    source: "cap-sdk-python README (worker example)",
  },
  "cap.worker.failed": {
    statement:
      'A handler that throws gives FAILED "handler failed", one that returns nothing FAILED "handler returned null".',
    source: "cap-sdk-python 2.17.0",
  },
  "cap.worker.unsendable": {
    statement: "A result that cannot be sent is replaced by a FAILED one.",
    source: "CAP spec 04",
  },
  "cap.worker.denied": {
    statement: "A worker never answers DENIED and never answers on the reply subject of a job.",
    source: "Cordum scheduler",
  },
  "cap.worker.bad-packets": {
    statement:
      "A packet that is refused is counted and logged; the subscription lives on and no result is sent.",
    source: "cap-sdk-python 2.17.0",
  },
  "cap.worker.unverified": {
    statement: "Without public keys unsigned packets are taken, and one warning says so.",
    source: "cap-sdk-python README",
  },
  "cap.worker.parallel": {
    statement: "At most concurrency handlers run at once; further jobs wait in the order they came.",
    source: "cap-sdk-python 2.17.0",
  },
  "cap.worker.close": {
    statement:
      "Closing a worker takes no new jobs, lets running handlers end, aborts what outlasts the grace time, and answers every job it took.",
    source: "cap-sdk-python 2.17.0",
  },
  "cap.nats.bus": {
    statement: "Either NATS client carries messages, shares them in queue groups and answers requests.",
    source: "NATS",
  },
  "cap.nats.errors": {
    statement: "What either NATS client throws arrives as one set of typed errors.",
    source: "CAP spec 13 (400, 401, 402)",
  },
  "cap.nats.auth": {
    statement:
      "Token, user and password come from options or the URL, credentials from options; a refusal is an AuthError and nothing shows a secret.",
    source: "cap-sdk-python 2.17.0; CAP spec 12",
  },
  "cap.nats.permissions": {
    statement:
      "A subscription the server does not allow fails; a publish it does not allow is told with the status.",
    source: "NATS",
  },
  "cap.nats.wait": {
    statement: "Without a server the first connection fails, or waits for one until the signal fires.",
    source: "NATS",
  },
  "cap.nats.tls": {
    statement:
      "TLS comes from options and NATS_TLS_CA, _CERT, _KEY, _SERVER_NAME, _INSECURE; a connection that asks for it never goes on without.",
    source: "CAP Go SDK, NATSTLSConfigFromEnv",
  },
  "cap.nats.reconnect": {
    statement:
      "A connection that breaks is told with the status and made anew for ever; subscriptions live on.",
    source: "NATS",
  },
  "cap.nats.leaves-nothing": {
    statement: "After close no socket, timer or subscription is left.",
    source: "NATS",
  },
  "cap.client.wait": {
    statement:
      "Submit and wait resolves with the result of a job that succeeded, and throws a typed error with it otherwise.",
    source: "CAP spec 04, 13",
  },
  "cap.client.dlq": {
    statement:
      "A job that is denied or never ran is heard of on sys.job.dlq, which is read leniently and verified when there are keys.",
    source: "Cordum scheduler",
  },
  "cap.client.timeout": {
    statement: "Waiting ends with the time limit, the signal, or the connection, and can cancel the job.",
    source: "CAP spec 04",
  },
  "cap.client.settled": {
    statement: "Every waiting call is settled when the client is closed or the bus is gone for good.",
    source: "CAP spec 04",
  },
  "cap.helpers.payloads": {
    statement:
      "Heartbeat, progress, cancel, handshake and alert packets have the trace ids and fields of the official SDKs.",
    source: "cap-sdk-python 2.17.0",
  },
  "cap.helpers.emit": {
    statement: "Emitters sign, set the session token, and publish on the subject of the payload.",
    source: "cap-sdk-python 2.17.0",
  },
  "cap.helpers.heartbeat-loop": {
    statement: "The heartbeat loop goes on after a failed beat and ends when it is stopped.",
    source: "cap-sdk-python 2.17.0",
  },
  "cap.worker.metrics": {
    statement:
      "The metrics hook hears of jobs received, completed and failed; what it throws never hurts a job.",
    source: "cap-sdk-python 2.17.0",
  },
  "cap.worker.logging": {
    statement: "The logging middleware logs job, topic and duration, and passes results and errors on.",
    source: "cap-sdk-python 2.17.0",
  },
  "cap.worker.alerts": {
    statement:
      "When asked to, a receiver reports a refused packet on sys.alert with code, severity, trace, sender and subject, at most so many a minute.",
    source: "CAP spec 16",
  },
  "cap.worker.bus": {
    statement: "A worker that owns its bus drains it when it is closed; else the bus stays open.",
    source: "cap-sdk-python 2.17.0",
  },
  "cap.worker.always-answers": {
    statement:
      "Every job gets a result: also one whose handler throws or returns what cannot be read, ignores its signal when the worker closes, or waits behind too many others.",
    source: "our own promise",
  },
  "cap.worker.bus-closed": {
    statement: "A worker whose bus was closed for good says so, in an event and in the log, and closes.",
    source: "our own promise",
  },
  "cap.worker.publish-again": {
    statement:
      "A result that meets a broken connection is published once the connection is back, within the grace time.",
    source: "CAP spec 04",
  },
  "cap.peers.python-client": {
    statement: "A job submitted by the official Python client runs on our worker, signed or not.",
    source: "cap-sdk-python 2.17.0",
  },
  "cap.peers.python-worker": {
    statement: "A job submitted by our client runs on the official Python worker, signed or not.",
    source: "cap-sdk-python 2.17.0",
  },
  "cap.peers.mutations": {
    statement:
      "Of mutated packets none is accepted that the official SDK refuses, or whose meaning differs from the one that was signed.",
    source: "cap-sdk-python 2.17.0",
  },
  "cap.scheduler.dispatch": {
    statement:
      "The local scheduler puts a submitted job into a packet of its own on the job's topic, once per job id.",
    source: "Cordum scheduler",
  },
  "cap.demo": {
    statement:
      "One command runs a signed job from submit to verified result, and fails when any check does not hold.",
    source: "README",
  },
} as const satisfies Requirements;
