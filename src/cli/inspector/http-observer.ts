/** Sees every exchange with servers of this process, without being in its way: requests, responses and event streams. */
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { IncomingMessage, ServerResponse } from "node:http";
import { isObject } from "../../core/json.js";
import { factsOf, type HttpProtocol, type Seen } from "./http-facts.js";
import type { Observation } from "./record.js";
import type { Recorder } from "./recorder.js";

/** So much of a body is kept; the rest is counted. */
const MAX_BODY_BYTES = 1_048_576;

/** Records what goes through the servers on these ports until the returned function is called. */
export function observeHttp(ports: ReadonlyMap<number, HttpProtocol>, recorder: Recorder): () => void {
  const onStart = (message: unknown): void => {
    const { request, response } = message as { request: IncomingMessage; response: ServerResponse };
    const protocol = ports.get(request.socket.localPort ?? 0);
    if (protocol !== undefined) new Exchange(protocol, request, response, recorder);
  };
  subscribe("http.server.request.start", onStart);
  return () => void unsubscribe("http.server.request.start", onStart);
}

/** The pieces of a body, up to a bound. */
class Body {
  readonly #pieces: Buffer[] = [];
  kept = 0;
  bytes = 0;

  add(piece: unknown, encoding?: unknown): Buffer | undefined {
    if (typeof piece !== "string" && !(piece instanceof Uint8Array)) return undefined;
    const buffer =
      typeof piece === "string"
        ? Buffer.from(piece, typeof encoding === "string" ? (encoding as BufferEncoding) : "utf8")
        : Buffer.from(piece);
    this.bytes += buffer.length;
    const part = buffer.subarray(0, MAX_BODY_BYTES - this.kept);
    if (part.length > 0) this.#pieces.push(part);
    this.kept += part.length;
    return buffer;
  }

  /** Its members in a record, with the whole text for who reads it. */
  read(): { readonly data: Buffer; readonly record: Pick<Observation, "body" | "bytes" | "cut"> } {
    const data = Buffer.concat(this.#pieces);
    const cut = this.bytes - this.kept;
    const body = data.length === 0 ? undefined : parsed(data.toString());
    return { data, record: { bytes: this.bytes, ...(body !== undefined && { body }), ...(cut > 0 && { cut }) } };
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

class Exchange {
  readonly #protocol: HttpProtocol;
  readonly #recorder: Recorder;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #asked = new Body();
  readonly #answered = new Body();
  readonly #startedAt = performance.now();
  #headers: Record<string, string> = {};
  #seq: number | undefined;
  #events = "";
  #streams = false;
  #ended = false;

  constructor(protocol: HttpProtocol, request: IncomingMessage, response: ServerResponse, recorder: Recorder) {
    this.#protocol = protocol;
    this.#request = request;
    this.#response = response;
    this.#recorder = recorder;
    // The parser pushes what arrives, so reading along here leaves the flow of the stream to its server.
    const push = request.push.bind(request);
    request.push = (piece: unknown, encoding?: BufferEncoding) => {
      this.#asked.add(piece, encoding);
      if (piece === null) this.#onRequest();
      return push(piece, encoding);
    };
    const { writeHead, write, end } = response;
    response.writeHead = ((...args: unknown[]) => {
      this.#onHead(args.findLast((arg) => typeof arg === "object" && arg !== null));
      return Reflect.apply(writeHead, response, args) as ServerResponse;
    }) as typeof writeHead;
    response.write = ((...args: unknown[]) => {
      this.#onPiece(args[0], args[1]);
      return Reflect.apply(write, response, args) as boolean;
    }) as typeof write;
    response.end = ((...args: unknown[]) => {
      this.#onPiece(args[0], args[1]);
      return Reflect.apply(end, response, args) as ServerResponse;
    }) as typeof end;
    response.once("close", () => this.#onClose());
  }

  #seen(): Seen {
    const { method = "", url = "" } = this.#request;
    return { method, url, headers: textsOf(this.#request.headers), body: this.#asked.read().record.body };
  }

  #onRequest(): number {
    if (this.#seq !== undefined) return this.#seq;
    const seen = this.#seen();
    const { data, record } = this.#asked.read();
    const { opens, answers, ...facts } = factsOf(this.#protocol, seen);
    const { seq } = this.#recorder.add(
      {
        ...{ type: "request", protocol: this.#protocol, via: "server", dir: "in", status: "pending" },
        ...{ target: `${seen.method} ${seen.url}`, headers: seen.headers },
        ...facts,
        ...record,
      },
      { data, opens, answers },
    );
    this.#seq = seq;
    return seq;
  }

  #onHead(given: unknown): void {
    this.#headers = { ...textsOf(this.#response.getHeaders()), ...textsOf(pairs(given)) };
    this.#streams = this.#headers["content-type"]?.startsWith("text/event-stream") ?? false;
    if (this.#streams) this.#respond();
  }

  #onPiece(piece: unknown, encoding: unknown): void {
    if (!this.#streams) return void this.#answered.add(piece, encoding);
    if (piece === undefined || piece === null || typeof piece === "function") return;
    this.#events += typeof piece === "string" ? piece : Buffer.from(piece as Uint8Array).toString();
    for (let at = this.#events.indexOf("\n\n"); at >= 0; at = this.#events.indexOf("\n\n")) {
      this.#onEvent(this.#events.slice(0, at));
      this.#events = this.#events.slice(at + 2);
    }
  }

  #onEvent(text: string): void {
    const data = text
      .split(/\r?\n/)
      .filter((line) => line.startsWith("data:"))
      .map((line) => line.slice(5).replace(/^ /, ""))
      .join("\n");
    if (data === "") return; // a comment that keeps the connection open
    const body = parsed(data);
    const { opens, answers, ...facts } = factsOf(this.#protocol, this.#seen(), { event: body });
    this.#recorder.add(
      {
        ...{ type: "event", protocol: this.#protocol, via: "server", dir: "out", status: "ok" },
        ...facts,
        bytes: text.length,
        body,
      },
      { opens, answers },
    );
  }

  #onClose(): void {
    this.#onRequest();
    if (!this.#streams) this.#respond();
  }

  #respond(): void {
    if (this.#ended) return;
    this.#ended = true;
    const re = this.#onRequest();
    const { record } = this.#answered.read();
    const cut = !this.#streams && !this.#response.writableFinished;
    const http = cut && !this.#response.headersSent ? undefined : this.#response.statusCode;
    const headers = Object.keys(this.#headers).length > 0 ? this.#headers : textsOf(this.#response.getHeaders());
    const answer = { http, headers, body: record.body };
    const { opens: _, answers: __, ...facts } = factsOf(this.#protocol, this.#seen(), { answer });
    this.#recorder.add({
      ...{ type: "response", protocol: this.#protocol, via: "server", dir: "out", re, http, headers },
      ...{ ms: Math.round((performance.now() - this.#startedAt) * 1_000) / 1_000 },
      ...facts,
      ...(cut && { status: "failed", code: "CONNECTION", reason: "the connection ended before the response did" }),
      ...record,
    });
  }
}

function pairs(given: unknown): Record<string, unknown> {
  if (Array.isArray(given)) {
    const flat = given.flat() as unknown[];
    return Object.fromEntries(flat.flatMap((name, at) => (at % 2 === 0 ? [[String(name), flat[at + 1]]] : [])));
  }
  return isObject(given) ? given : {};
}

function textsOf(headers: Readonly<Record<string, unknown>>): Record<string, string> {
  const set = Object.entries(headers).filter(([, value]) => value !== undefined);
  return Object.fromEntries(set.map(([name, value]) => [name.toLowerCase(), [value].flat().join(", ")]));
}
