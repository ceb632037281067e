/** The seven endpoints of a gateway: who may call, what a body must be, and what it does. */
import type {
  Capability,
  ClientFrame,
  HeartbeatFrame,
  ProgressFrame,
  RegisterFrame,
  UpdateCapabilityFrame,
} from "../../../gen/neuron/index.js";
import { operationTable } from "../../../gen/neuron/index.js";
import { uuid } from "../../core/ids.js";
import { type HttpAnswer, json } from "../http/answer.js";
import type { LocalRequest } from "../http/local-server.js";
import { EventStream } from "./event-stream.js";
import { type PostOperation, readFrame } from "./frame-check.js";
import type { Gateway } from "./gateway.js";
import type { LeaseAnswer, RefusedRequest, Registration } from "./types.js";

/** An answer that is not 200. */
interface Refusal {
  readonly status: number;
  readonly code: string;
  readonly message: string;
}

const PATHS = new Set<string>(Object.values(operationTable).map(({ path }) => path));

/** Answers requests. */
export class Endpoints {
  readonly #gateway: Gateway;
  #streams = 0;

  constructor(gateway: Gateway) {
    this.#gateway = gateway;
  }

  /** Answers one request. */
  answer(request: LocalRequest): HttpAnswer | Promise<HttpAnswer> {
    const { path, pathname, method, query, text } = request;
    const operation = request.operation as keyof typeof operationTable | undefined;
    const refuse = (refusal: Refusal): HttpAnswer => this.#refuse(path, refusal, text);
    if (operation === undefined) {
      return PATHS.has(pathname)
        ? refuse({ status: 405, code: "METHOD_NOT_ALLOWED", message: `${method} is not for this path` })
        : refuse({ status: 404, code: "NOT_FOUND", message: "no such path" });
    }
    if (text === undefined) {
      return refuse({ status: 413, code: "TOO_LARGE", message: "the body is too large" });
    }
    const unfit = this.#headersUnfit(operation, request);
    if (unfit) return refuse(unfit);
    if (operation === "openEvents") return this.#open(request);
    if (query.size > 0) return refuse({ status: 400, code: "INVALID_FRAME", message: "a POST has no query" });
    return this.#post(operation, text, path);
  }

  /** Whose request it is, for faults that strike one neuron only. */
  neuronOf({ query, text = "" }: LocalRequest): string | undefined {
    const named = query.get("neuronId");
    if (named !== null) return named;
    try {
      const { neuronId, leaseId } = JSON.parse(text) as { neuronId?: string; leaseId?: string };
      return neuronId ?? (leaseId === undefined ? undefined : this.#gateway.leases.get(leaseId)?.neuronId);
    } catch {
      return undefined;
    }
  }

  #headersUnfit(operation: keyof typeof operationTable, { headers }: LocalRequest): Refusal | undefined {
    const token = /^Bearer (\S+)$/.exec(headers.authorization ?? "")?.[1];
    const { tokens } = this.#gateway.options;
    const known =
      token !== undefined &&
      (tokens === undefined || (typeof tokens === "function" ? tokens(token) : tokens.includes(token)));
    if (!known) return { status: 401, code: "UNAUTHORIZED", message: "the token is missing or not accepted" };
    if (operation === "openEvents") {
      return headers.accept?.includes("text/event-stream")
        ? undefined
        : { status: 406, code: "NOT_ACCEPTABLE", message: "the stream is text/event-stream" };
    }
    return headers["content-type"]?.startsWith("application/json")
      ? undefined
      : { status: 415, code: "UNSUPPORTED_MEDIA_TYPE", message: "a frame is application/json" };
  }

  #open(request: LocalRequest): HttpAnswer {
    const neuronId = request.query.get("neuronId");
    if (!neuronId) {
      const message = "neuronId is missing";
      return this.#refuse(request.path, { status: 400, code: "INVALID_REQUEST", message });
    }
    const { streams, emitter, clock, board, options } = this.#gateway;
    streams.get(neuronId)?.end("end");
    const stream = new EventStream(neuronId, ++this.#streams, request);
    streams.set(neuronId, stream);
    board.attach(stream);
    stream.keepAlive(clock, options.keepAliveMs ?? 15_000);
    stream.onEnd(() => {
      if (streams.get(neuronId) === stream) streams.delete(neuronId);
      board.detach(stream, options.redeliver !== "on-expiry");
      emitter.emit("disconnected", { neuronId, stream: stream.number });
    });
    emitter.emit("connected", { neuronId, stream: stream.number });
    return stream.answer;
  }

  async #post(operation: PostOperation, text: string, path: string): Promise<HttpAnswer> {
    const frame = await readFrame(operation, text, this.#gateway.options.protocol ?? "1.1.0");
    const refusal: Refusal | undefined =
      typeof frame === "string"
        ? { status: 400, code: "INVALID_FRAME", message: frame }
        : this.#take(frame, text);
    return refusal === undefined ? json(200, { ok: true }) : this.#refuse(path, refusal, text);
  }

  #take(frame: ClientFrame, text: string): Refusal | undefined {
    switch (frame.type) {
      case "register":
        return this.#register(frame);
      case "update-capability":
        return this.#update(frame);
      case "heartbeat":
        return this.#heartbeat(frame);
      case "progress":
        return this.#progress(frame);
      case "ack":
      case "nack":
        return this.#settle(frame, text);
    }
  }

  #register(frame: RegisterFrame): Refusal | undefined {
    const { streams, registrations, emitter, leases, board } = this.#gateway;
    const { neuronId, protocolVersion } = frame;
    const stream = streams.get(neuronId);
    if (stream === undefined) {
      return { status: 409, code: "NO_STREAM", message: "open the event stream first" };
    }
    const barred = this.#barred(frame.capabilities);
    if (barred) return barred;
    const capabilities = frame.capabilities.filter((item) => this.#gateway.admits(item, neuronId));
    const sessionId = uuid();
    const registration: Registration = { neuronId, protocolVersion, sessionId, capabilities };
    registrations.set(neuronId, registration);
    for (const type of [...stream.served.keys()]) {
      if (!capabilities.some((item) => item.type === type)) stream.served.delete(type);
    }
    for (const capability of capabilities) {
      const unanswered = stream.served.get(capability.type)?.unanswered ?? 0;
      stream.served.set(capability.type, { capability, unanswered });
    }
    stream.handedBack.clear();
    stream.send({ type: "registered", sessionId, capabilities, acceptedAt: this.#gateway.time() });
    emitter.emit("registered", registration);
    // A cancel that found no stream follows now.
    for (const lease of leases.unansweredOf(neuronId)) {
      const reason = lease.cancelledAtMs === undefined ? board.cancelReason(lease) : undefined;
      if (reason !== undefined) this.#gateway.sendCancel(lease, reason);
    }
    for (const { type } of capabilities) board.pump(type);
    return undefined;
  }

  #update({ neuronId, capability }: UpdateCapabilityFrame): Refusal | undefined {
    const { streams, registrations, emitter, board } = this.#gateway;
    const stream = streams.get(neuronId);
    const registration = registrations.get(neuronId);
    if (stream === undefined || registration === undefined) return notRegistered(neuronId);
    const barred = this.#barred([capability]);
    if (barred) return barred;
    const unanswered = stream.served.get(capability.type)?.unanswered ?? 0;
    stream.served.set(capability.type, { capability, unanswered });
    const others = registration.capabilities.filter(({ type }) => type !== capability.type);
    registrations.set(neuronId, { ...registration, capabilities: [...others, capability] });
    emitter.emit("updated", { neuronId, capability });
    board.pump(capability.type);
    return undefined;
  }

  #heartbeat(frame: HeartbeatFrame): Refusal | undefined {
    const { registrations, leases, clock, emitter } = this.#gateway;
    if (!registrations.has(frame.neuronId)) return notRegistered(frame.neuronId);
    const wrong = leases.renew(frame.neuronId, frame.inFlight, clock.now());
    if (wrong !== undefined) return { status: 400, code: "INVALID_FRAME", message: wrong };
    emitter.emit("heartbeat", frame);
    return undefined;
  }

  #progress(frame: ProgressFrame): Refusal | undefined {
    const lease = this.#gateway.leases.get(frame.leaseId);
    if (lease === undefined) return unknownLease(frame.leaseId);
    if (lease.answers.length > 0) {
      return { status: 409, code: "LEASE_ANSWERED", message: "progress must come before the answer" };
    }
    this.#gateway.board.reported(lease, frame);
    this.#gateway.emitter.emit("progress", { lease, frame });
    return undefined;
  }

  #settle(frame: LeaseAnswer, text: string): Refusal | undefined {
    const { leases, board, emitter } = this.#gateway;
    const wasOpen = leases.get(frame.leaseId)?.state === "open";
    const verdict = leases.answer(frame, text);
    if (verdict.kind === "unknown") return unknownLease(frame.leaseId);
    if (verdict.kind === "repeat") return undefined;
    emitter.emit("answer", { lease: verdict.lease, answer: frame });
    if (verdict.kind === "second") {
      return { status: 409, code: "LEASE_ANSWERED", message: "the lease has another answer" };
    }
    board.answered(verdict.lease, frame, wasOpen);
    return undefined;
  }

  #barred(capabilities: readonly Capability[]): Refusal | undefined {
    for (const { type } of capabilities) {
      const code = this.#gateway.admission.get(type);
      if (code !== undefined) return { status: 403, code, message: `${type} is not admitted` };
    }
    return undefined;
  }

  #refuse(path: string, refusal: Refusal, body: unknown = ""): HttpAnswer {
    const { status, code, message } = refusal;
    const { refused, emitter, options } = this.#gateway;
    const entry: RefusedRequest = { path, status, code, message, body };
    refused.push(entry);
    if (refused.length > (options.remember ?? 100_000)) refused.shift();
    emitter.emit("refused", entry);
    return json(status, { code, message });
  }
}

function notRegistered(neuronId: string): Refusal {
  return { status: 409, code: "NOT_REGISTERED", message: `${neuronId} has not registered` };
}

function unknownLease(leaseId: string): Refusal {
  return { status: 404, code: "LEASE_NOT_FOUND", message: `there is no lease ${leaseId}` };
}
