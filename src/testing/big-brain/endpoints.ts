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
import { found, Refusal } from "../http/refusal.js";
import { EventStream } from "./event-stream.js";
import { readFrame } from "./frame-check.js";
import type { Gateway } from "./gateway.js";
import type { LeaseAnswer, RefusedRequest, Registration } from "./types.js";

/** A response that is not 200. */
const refusal = (status: number, code: string, message: string) => new Refusal(status, { code, message });

const PATHS = new Set<string>(Object.values(operationTable).map(({ path }) => path));

/** Answers requests. */
export class Endpoints {
  readonly #gateway: Gateway;
  #streams = 0;

  constructor(gateway: Gateway) {
    this.#gateway = gateway;
  }

  /** Answers one request. */
  async answer(request: LocalRequest): Promise<HttpAnswer> {
    const { path, text } = request;
    try {
      return await this.#carryOut(request);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      const { refused, emitter, options } = this.#gateway;
      const { status, body } = error;
      const said = body as { readonly code: string; readonly message: string };
      const entry: RefusedRequest = { path, status, ...said, body: text };
      refused.push(entry);
      if (refused.length > (options.remember ?? 100_000)) refused.shift();
      emitter.emit("refused", entry);
      return json(status, body);
    }
  }

  async #carryOut(request: LocalRequest): Promise<HttpAnswer> {
    const { pathname, method, query, text } = request;
    const operation = request.operation as keyof typeof operationTable | undefined;
    if (operation === undefined) {
      throw PATHS.has(pathname)
        ? refusal(405, "METHOD_NOT_ALLOWED", `${method} is not for this path`)
        : refusal(404, "NOT_FOUND", "no such path");
    }
    if (text === undefined) throw refusal(413, "TOO_LARGE", "the body is too large");
    this.#checkHeaders(operation, request);
    if (operation === "openEvents") return this.#open(request);
    if (query.size > 0) throw refusal(400, "INVALID_FRAME", "a POST has no query");
    const frame = await readFrame(operation, text, this.#gateway.options.protocol ?? "1.1.0");
    if (typeof frame === "string") throw refusal(400, "INVALID_FRAME", frame);
    this.#take(frame, text);
    return json(200, { ok: true });
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

  #checkHeaders(operation: keyof typeof operationTable, { headers }: LocalRequest): void {
    const token = /^Bearer (\S+)$/.exec(headers.authorization ?? "")?.[1];
    const { tokens } = this.#gateway.options;
    const known =
      token !== undefined &&
      (tokens === undefined || (typeof tokens === "function" ? tokens(token) : tokens.includes(token)));
    if (!known) throw refusal(401, "UNAUTHORIZED", "the token is missing or not accepted");
    if (operation === "openEvents") {
      if (headers.accept?.includes("text/event-stream")) return;
      throw refusal(406, "NOT_ACCEPTABLE", "the stream is text/event-stream");
    }
    if (headers["content-type"]?.startsWith("application/json")) return;
    throw refusal(415, "UNSUPPORTED_MEDIA_TYPE", "a frame is application/json");
  }

  #open(request: LocalRequest): HttpAnswer {
    const neuronId = request.query.get("neuronId");
    if (!neuronId) throw refusal(400, "INVALID_REQUEST", "neuronId is missing");
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

  #take(frame: ClientFrame, text: string): void {
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

  #register(frame: RegisterFrame): void {
    const { streams, registrations, emitter, leases, board, options } = this.#gateway;
    const { neuronId, protocolVersion } = frame;
    const noStream = refusal(409, "NO_STREAM", "open the event stream first");
    const stream = found(streams.get(neuronId), noStream);
    this.#checkAdmitted(frame.capabilities);
    const capabilities = frame.capabilities.filter((item) => options.admit?.(item, neuronId) ?? true);
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
  }

  #update({ neuronId, capability }: UpdateCapabilityFrame): void {
    const { streams, registrations, emitter, board } = this.#gateway;
    const stream = found(streams.get(neuronId), notRegistered(neuronId));
    const registration = found(registrations.get(neuronId), notRegistered(neuronId));
    this.#checkAdmitted([capability]);
    const unanswered = stream.served.get(capability.type)?.unanswered ?? 0;
    stream.served.set(capability.type, { capability, unanswered });
    const others = registration.capabilities.filter(({ type }) => type !== capability.type);
    registrations.set(neuronId, { ...registration, capabilities: [...others, capability] });
    emitter.emit("updated", { neuronId, capability });
    board.pump(capability.type);
  }

  #heartbeat(frame: HeartbeatFrame): void {
    const { registrations, leases, clock, emitter } = this.#gateway;
    if (!registrations.has(frame.neuronId)) throw notRegistered(frame.neuronId);
    const wrong = leases.renew(frame.neuronId, frame.inFlight, clock.now());
    if (wrong !== undefined) throw refusal(400, "INVALID_FRAME", wrong);
    emitter.emit("heartbeat", frame);
  }

  #progress(frame: ProgressFrame): void {
    const lease = found(this.#gateway.leases.get(frame.leaseId), unknownLease(frame.leaseId));
    if (lease.answers.length > 0) {
      throw refusal(409, "LEASE_ANSWERED", "progress must come before the answer");
    }
    this.#gateway.board.reported(lease, frame);
    this.#gateway.emitter.emit("progress", { lease, frame });
  }

  #settle(frame: LeaseAnswer, text: string): void {
    const { leases, board, emitter } = this.#gateway;
    const lease = found(leases.get(frame.leaseId), unknownLease(frame.leaseId));
    const wasOpen = lease.state === "open";
    const verdict = leases.answer(lease, frame, text);
    if (verdict === "repeat") return;
    emitter.emit("answer", { lease, answer: frame });
    if (verdict === "second") throw refusal(409, "LEASE_ANSWERED", "the lease has another answer");
    board.answered(lease, frame, wasOpen);
  }

  #checkAdmitted(capabilities: readonly Capability[]): void {
    for (const { type } of capabilities) {
      const code = this.#gateway.admission.get(type);
      if (code !== undefined) throw refusal(403, code, `${type} is not admitted`);
    }
  }
}

function notRegistered(neuronId: string): Refusal {
  return refusal(409, "NOT_REGISTERED", `${neuronId} has not registered`);
}

function unknownLease(leaseId: string): Refusal {
  return refusal(404, "LEASE_NOT_FOUND", `there is no lease ${leaseId}`);
}
