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
import { type HttpAnswer, json, send } from "../http/answer.js";
import { withFault } from "../http/faults.js";
import { type Exchange, type Exchanges, exchanges } from "../http/observe.js";
import { type HttpRequest, type HttpResponse, plainHeaders, readBody } from "../http/server.js";
import { EventStream } from "./event-stream.js";
import type { FrameChecker, PostOperation } from "./frame-check.js";
import type { Gateway } from "./gateway.js";
import type { LeaseAnswer, RefusedRequest, Registration } from "./types.js";

/** An answer that is not 200. */
interface Refusal {
  readonly status: number;
  readonly code: string;
  readonly message: string;
}

const OPERATIONS = new Map(
  Object.entries(operationTable).map(([id, { method, path }]) => [
    path,
    { id: id as keyof typeof operationTable, method },
  ]),
);

/** Answers requests. */
export class Endpoints {
  readonly #gateway: Gateway;
  readonly #checker: FrameChecker;
  readonly #exchanges: Exchanges;
  #streams = 0;

  constructor(gateway: Gateway, checker: FrameChecker) {
    this.#gateway = gateway;
    this.#checker = checker;
    this.#exchanges = exchanges({ ...gateway.options, clock: gateway.clock });
  }

  /** Answers one request. Rejects when the connection is to be cut, or is. */
  async handle(request: HttpRequest, response: HttpResponse): Promise<void> {
    const { method = "", url: path = "", headers } = request;
    const { options, emitter, clock } = this.#gateway;
    const text = await readBody(request, options.maxBodyBytes ?? 4_194_304);
    emitter.emit("request", { method, path, headers, body: text ?? "" });
    const operation = OPERATIONS.get(path.split("?")[0] ?? "")?.id;
    const facts = { method, path, headers: plainHeaders(request), body: text ?? "" };
    const exchange = this.#exchanges(operation, facts);
    let answered = false;
    response.once("close", () => answered || exchange({ type: "end" }));
    const work = this.#answer(request, response, method, path, text, exchange);
    // Sent in the same turn in which the request was taken: nothing that listens comes in between.
    const answer = work instanceof Promise ? await work : work;
    if (answer === undefined) return;
    answered = true;
    exchange({ type: "response", ...answer, body: answer.text ?? "" });
    await send(response, answer, clock);
  }

  #answer(
    request: HttpRequest,
    response: HttpResponse,
    method: string,
    path: string,
    text: string | undefined,
    exchange: Exchange,
  ): HttpAnswer | undefined | Promise<HttpAnswer | undefined> {
    const [pathname = "", query = ""] = path.split("?");
    const operation = OPERATIONS.get(pathname);
    const refuse = (refusal: Refusal): HttpAnswer => this.#refuse(path, refusal, text);
    if (operation === undefined) return refuse({ status: 404, code: "NOT_FOUND", message: "no such path" });
    if (operation.method !== method) {
      return refuse({ status: 405, code: "METHOD_NOT_ALLOWED", message: `${method} is not for this path` });
    }
    if (text === undefined) {
      return refuse({ status: 413, code: "TOO_LARGE", message: "the body is too large" });
    }
    const { id } = operation;
    const neuronId = new URLSearchParams(query).get("neuronId") ?? this.#neuronOf(text);
    const work = (): HttpAnswer | undefined => {
      if (response.destroyed) return undefined;
      const unfit = this.#headersUnfit(id, request);
      if (unfit) return refuse(unfit);
      if (id === "openEvents") return this.#open(neuronId, response, path, exchange);
      if (query) return refuse({ status: 400, code: "INVALID_FRAME", message: "a POST has no query" });
      return this.#post(id, text, path);
    };
    const { faults, streams, clock, restart } = this.#gateway;
    const fault = faults.next(id, (of) => of.neuronId === undefined || of.neuronId === neuronId);
    switch (fault?.kind) {
      case undefined:
      case "duplicate":
      case "cancel":
        return work();
      case "drop-stream": {
        const answer = work();
        if (neuronId !== undefined) streams.get(neuronId)?.end(fault?.how ?? "drop");
        return answer;
      }
      default:
        return withFault(fault, work, { clock, restart, faultBody: () => ({ code: "FAULT" }) });
    }
  }

  #headersUnfit(operation: keyof typeof operationTable, { headers }: HttpRequest): Refusal | undefined {
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

  #open(
    neuronId: string | undefined,
    response: HttpResponse,
    path: string,
    exchange: Exchange,
  ): HttpAnswer | undefined {
    if (!neuronId) {
      const message = "neuronId is missing";
      return this.#refuse(path, { status: 400, code: "INVALID_REQUEST", message });
    }
    const { streams, emitter, clock, board, options } = this.#gateway;
    streams.get(neuronId)?.end("end");
    const stream = new EventStream(neuronId, ++this.#streams, response, exchange);
    streams.set(neuronId, stream);
    board.attach(stream);
    stream.keepAlive(clock, options.keepAliveMs ?? 15_000);
    stream.onEnd(() => {
      if (streams.get(neuronId) === stream) streams.delete(neuronId);
      board.detach(stream, options.redeliver !== "on-expiry");
      emitter.emit("disconnected", { neuronId, stream: stream.number });
    });
    emitter.emit("connected", { neuronId, stream: stream.number });
    return undefined;
  }

  #post(operation: PostOperation, text: string, path: string): HttpAnswer {
    const { protocol = "1.1.0" } = this.#gateway.options;
    const checked = this.#checker.check(operation, text, protocol);
    const refusal: Refusal | undefined = checked.ok
      ? this.#take(checked.frame, text)
      : { status: 400, code: "INVALID_FRAME", message: checked.message };
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

  /** Who sends a body, for faults that strike one neuron only. */
  #neuronOf(text: string): string | undefined {
    if (this.#gateway.faults.pending === 0) return undefined;
    try {
      const { neuronId, leaseId } = JSON.parse(text) as { neuronId?: string; leaseId?: string };
      return neuronId ?? (leaseId === undefined ? undefined : this.#gateway.leases.get(leaseId)?.neuronId);
    } catch {
      return undefined;
    }
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
