/** A safety kernel for tests, in the process or on loopback. */
import { createHash } from "node:crypto";
import type { RequestListener, Server } from "node:http";
import { createServer } from "node:http";
import type { Http2SecureServer, Http2Server, ServerHttp2Session } from "node:http2";
import { createServer as createHttp2Server, createSecureServer } from "node:http2";
import type { AddressInfo } from "node:net";
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { ConnectRouter, Transport } from "@connectrpc/connect";
import { createRouterTransport } from "@connectrpc/connect";
import type {
  PolicyCheckRequest,
  PolicyCheckResponseSchema,
  PolicyEvaluateRequest,
  PolicyEvaluateResponseSchema,
} from "../../../gen/cap/index.js";
import { DecisionType, PolicyEvaluator, SafetyKernel } from "../../../gen/cap/index.js";
import { ConflictError } from "../../core/errors.js";
import { loadPeer } from "../../core/optional-peer.js";

/** What a kernel answers; `policySnapshot` is filled in. */
export type KernelAnswer = MessageInitShape<typeof PolicyCheckResponseSchema>;

/** Options of {@link LocalSafetyKernel}. */
export interface LocalSafetyKernelOptions {
  /** Decides about jobs whose topic begins with `job.`; the others are denied. Default: all are allowed. */
  readonly decide?: ((request: PolicyCheckRequest) => KernelAnswer | Promise<KernelAnswer>) | undefined;
  /** Answers `EvaluateUnified`. Default: an empty response. */
  readonly evaluate?:
    | ((request: PolicyEvaluateRequest) => MessageInitShape<typeof PolicyEvaluateResponseSchema>)
    | undefined;
}

/** Options of {@link LocalSafetyKernel.listen}. */
export interface ListenOptions {
  /** Default: a free one. */
  readonly port?: number | undefined;
  /** PEM texts of a certificate and its key: TLS. Default: plaintext. */
  readonly tls?: { readonly cert: string | Buffer; readonly key: string | Buffer } | undefined;
  /** "2" is what gRPC needs; "1.1" is what `fetch` speaks. Default: "2". */
  readonly httpVersion?: "1.1" | "2" | undefined;
}

type AnyServer = Server | Http2Server | Http2SecureServer;

/** Answers as Cordum's kernel does: four questions, one decision. For one machine. */
export class LocalSafetyKernel {
  /** Questions so far, the oldest first. */
  readonly asked: PolicyCheckRequest[] = [];
  readonly #options: LocalSafetyKernelOptions;
  /** Changes with the policy, as the real one does. */
  readonly #snapshot: string;
  readonly #sessions = new Set<ServerHttp2Session>();
  #server: AnyServer | undefined;

  constructor(options: LocalSafetyKernelOptions = {}) {
    this.#options = options;
    this.#snapshot = createHash("sha256").update(String(options.decide)).digest("hex");
  }

  /** A transport that reaches this kernel without a socket, for `createSafetyClient({ transport })`. */
  transport(): Transport {
    return createRouterTransport((router) => this.#routes(router));
  }

  /**
   * Serves gRPC and Connect on 127.0.0.1. Resolves with the URL.
   *
   * @throws ConflictError when it serves already; UnsupportedError `MISSING_PACKAGE` without
   * `@connectrpc/connect-node`.
   */
  async listen(options: ListenOptions = {}): Promise<string> {
    if (this.#server !== undefined) throw new ConflictError("the kernel serves already");
    const { connectNodeAdapter } = await loadPeer(
      "@connectrpc/connect-node",
      "a kernel that listens",
      () => import("@connectrpc/connect-node"),
    );
    const handler = connectNodeAdapter({ routes: (router) => this.#routes(router) });
    const { tls, httpVersion = "2", port = 0 } = options;
    const server: AnyServer =
      httpVersion === "1.1"
        ? createServer(handler as RequestListener)
        : tls === undefined
          ? createHttp2Server(handler)
          : createSecureServer({ ...tls, allowHTTP1: true }, handler);
    this.#server = server;
    server.on("session", (session: ServerHttp2Session) => {
      this.#sessions.add(session);
      session.on("close", () => this.#sessions.delete(session));
    });
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(port, "127.0.0.1", resolve);
    });
    return `http${tls === undefined ? "" : "s"}://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  /** Ends connections and server. Repeated calls are fine. */
  async close(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    for (const session of this.#sessions) session.destroy();
    if ("closeAllConnections" in server) server.closeAllConnections();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #routes(router: ConnectRouter): void {
    const answer = (request: PolicyCheckRequest) => this.#answer(request);
    router.service(SafetyKernel, {
      check: answer,
      evaluate: answer,
      explain: answer,
      simulate: answer,
      listSnapshots: () => ({ snapshots: [this.#snapshot] }),
    });
    router.service(PolicyEvaluator, {
      evaluateUnified: (request) => this.#options.evaluate?.(request) ?? {},
    });
  }

  async #answer(request: PolicyCheckRequest): Promise<KernelAnswer> {
    this.asked.push(request);
    const policySnapshot = this.#snapshot;
    const deny = (reason: string) => ({ decision: DecisionType.DENY, reason, policySnapshot });
    if (request.topic === "") return deny("missing topic");
    if (!request.topic.startsWith("job.")) return deny("unsupported topic");
    const { decide } = this.#options;
    if (decide === undefined) return { decision: DecisionType.ALLOW, policySnapshot };
    return { policySnapshot, ...(await decide(request)) } as KernelAnswer;
  }
}
