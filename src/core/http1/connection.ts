/** One connection to an origin: one request at a time, and the reading of its answer. */
import type * as NodeNet from "node:net";
import type * as NodeTls from "node:tls";
import { ConnectionError } from "../errors.js";
import type { AnswerHead } from "./answer-head.js";
import { AnswerParser } from "./answer-parser.js";
import type { TlsSettings } from "./tls-settings.js";

/** Where connections go. */
export interface Origin {
  readonly secure: boolean;
  /** Literal IPv6 addresses without their brackets. */
  readonly hostname: string;
  readonly port: number;
  /** What the `host` header says. */
  readonly host: string;
}

/** Node's modules, and what TLS is to be like. */
export interface Sockets {
  readonly settings: TlsSettings | undefined;
  readonly net: typeof NodeNet;
  readonly tls: typeof NodeTls;
}

/** What a request is told of its answer. Exactly one of `onEnd` and `onError` is the last. */
export interface AnswerSink {
  onHead(head: AnswerHead): void;
  /** A piece of the body, in memory that is used again after the call. */
  onBody(bytes: Uint8Array): void;
  /** False while nobody takes the body: then no more of it is read. */
  wantsMore(): boolean;
  onEnd(): void;
  /** `untouched`: not one byte of the answer had come. */
  onError(error: ConnectionError, untouched: boolean): void;
}

/** Bytes read at a time from a connection without TLS, into memory that each has of its own. */
const readBytes = 16_384;

/** Who owns a connection. */
export interface ConnectionOwner {
  /** An answer is complete, and another request may be sent. */
  onIdle(connection: Connection): void;
  /** The connection is gone. Called once. */
  onGone(connection: Connection): void;
}

/** A connection to an origin. */
export class Connection {
  readonly #parser = new AnswerParser();
  readonly #socket: NodeNet.Socket;
  readonly #owner: ConnectionOwner;
  readonly #now: () => number;
  #sink: AnswerSink | undefined;
  #keepAlive = true;
  #used = false;
  #gone = false;
  /** When the server may close it, by the clock that was given. */
  #freshUntil = Infinity;

  constructor(origin: Origin, sockets: Sockets, now: () => number, owner: ConnectionOwner) {
    this.#now = now;
    this.#owner = owner;
    const { hostname: host, port } = origin;
    if (origin.secure) {
      const servername = sockets.net.isIP(host) ? {} : { servername: host };
      this.#socket = sockets.tls.connect({
        host,
        port,
        ALPNProtocols: ["http/1.1"],
        ...servername,
        ...sockets.settings,
      });
      this.#socket.setNoDelay(true);
      this.#socket.on("data", (bytes: Buffer) => this.#onBytes(bytes));
    } else {
      const callback = (length: number, bytes: Uint8Array): boolean => {
        this.#onBytes((bytes as Buffer).subarray(0, length));
        return true;
      };
      const onread = { buffer: Buffer.allocUnsafeSlow(readBytes), callback };
      this.#socket = sockets.net.connect({ host, port, noDelay: true, onread });
    }
    this.#socket.on("error", (error) => this.#lose(broken(error)));
    this.#socket.on("end", () => this.#onEof());
    this.#socket.on("close", () => this.#lose(new ConnectionError("the connection was closed")));
  }

  /** True when an answer came on it before. */
  get used(): boolean {
    return this.#used;
  }

  /** True when it stands, and the server did not say that it would have closed it by now. */
  get fresh(): boolean {
    return !this.#gone && this.#now() < this.#freshUntil;
  }

  /** Sends a request: its head, which must be ASCII, and its body. */
  send(method: string, head: string, body: string | Uint8Array | undefined, sink: AnswerSink): void {
    this.#sink = sink;
    this.#parser.begin(method, {
      onHead: (answer) => {
        this.#keepAlive = answer.keepAlive;
        // A second less: the server's own may be on its way already.
        if (answer.idleMs !== undefined) this.#freshUntil = this.#now() + Math.max(answer.idleMs - 1_000, 0);
        sink.onHead(answer);
      },
      onBody: (bytes) => sink.onBody(bytes),
      onEnd: () => this.#onAnswered(),
    });
    this.#socket.ref();
    // Text leaves in one piece: a second write is a second packet.
    if (body === undefined || typeof body === "string") this.#socket.write(head + (body ?? ""));
    else {
      this.#socket.cork();
      this.#socket.write(head);
      this.#socket.write(body);
      this.#socket.uncork();
    }
  }

  /** Reads on, when the body is wanted after all. */
  resume(): void {
    this.#socket.resume();
  }

  /** Ends the connection, and the request on it if there is one. */
  destroy(error = new ConnectionError("the connection was closed")): void {
    this.#lose(error);
  }

  #onBytes(bytes: Buffer): void {
    try {
      this.#parser.push(bytes);
      if (this.#sink?.wantsMore() === false) this.#socket.pause();
    } catch (error) {
      this.#lose(error instanceof ConnectionError ? error : broken(error as Error));
    }
  }

  #onEof(): void {
    if (!this.#parser.close()) this.#lose(new ConnectionError("the connection broke before the end"));
  }

  #onAnswered(): void {
    const sink = this.#sink;
    this.#sink = undefined;
    this.#used = true;
    sink?.onEnd();
    if (!this.#keepAlive) return this.#lose(new ConnectionError("the server closes the connection"));
    // An idle connection keeps no process alive.
    this.#socket.unref();
    if (!this.#gone) this.#owner.onIdle(this);
  }

  #lose(error: ConnectionError): void {
    if (this.#gone) return;
    this.#gone = true;
    const sink = this.#sink;
    this.#sink = undefined;
    this.#socket.destroy();
    sink?.onError(error, this.#parser.untouched);
    this.#owner.onGone(this);
  }
}

function broken(error: NodeJS.ErrnoException): ConnectionError {
  return new ConnectionError(error.message || (error.code ?? "the connection broke"), { cause: error });
}
