/** A safety kernel for tests, in this process or on loopback. */
import type * as NodeHttp from "node:http";
import type * as NodeHttp2 from "node:http2";
import type { AddressInfo } from "node:net";
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { ConnectRouter, Transport } from "@connectrpc/connect";
import { createRouterTransport } from "@connectrpc/connect";
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";
import type {
  PolicyCheckRequest,
  PolicyCheckResponseSchema,
  PolicyEvaluateRequest,
  PolicyEvaluateResponseSchema,
} from "../../gen/cap/index.js";
import { DecisionType, PolicyEvaluator, SafetyKernel } from "../../gen/cap/index.js";
import { requireBuiltin } from "../core/builtin.js";
import { loadPeer } from "../core/optional-peer.js";

type KernelAnswer = MessageInitShape<typeof PolicyCheckResponseSchema>;

/** Options of {@link LocalSafetyKernel}. */
export interface LocalSafetyKernelOptions {
  /** Decides about jobs whose topic begins with `job.`; the others are denied. Default: all are allowed. */
  readonly decide?: ((request: PolicyCheckRequest) => KernelAnswer | Promise<KernelAnswer>) | undefined;
  /** Answers `EvaluateUnified`. Default: an empty response. */
  readonly evaluate?:
    | ((request: PolicyEvaluateRequest) => MessageInitShape<typeof PolicyEvaluateResponseSchema>)
    | undefined;
  /** Port on 127.0.0.1. `false` listens on none: only `transport()` reaches the kernel. Default: a free one. */
  readonly port?: number | false | undefined;
  /** PEM texts of a certificate and its key, for TLS. Default: plaintext. */
  readonly tls?: { readonly cert: string | Buffer; readonly key: string | Buffer } | undefined;
  /** "2" is what gRPC requires; "1.1" is what `fetch` speaks. Default: "2". */
  readonly httpVersion?: "1.1" | "2" | undefined;
}

type AnyServer = NodeHttp.Server | NodeHttp2.Http2Server | NodeHttp2.Http2SecureServer;

/** A safety kernel in this process, with Cordum's API. Your function makes the decisions. */
export class LocalSafetyKernel {
  /** Requests so far, the oldest first. */
  readonly requests: PolicyCheckRequest[] = [];
  readonly #options: LocalSafetyKernelOptions;
  /** Changes with the policy, as the real one does. */
  readonly #snapshot: string;
  readonly #sessions = new Set<NodeHttp2.ServerHttp2Session>();
  #server: AnyServer | undefined;

  private constructor(options: LocalSafetyKernelOptions) {
    this.#options = options;
    this.#snapshot = bytesToHex(sha256(utf8ToBytes(String(options.decide))));
  }

  /**
   * Starts a kernel; with a port it serves gRPC and Connect on 127.0.0.1.
   *
   * @throws UnsupportedError `MISSING_PACKAGE` without `@connectrpc/connect-node`, or outside Node.
   */
  static async start(options: LocalSafetyKernelOptions = {}): Promise<LocalSafetyKernel> {
    const kernel = new LocalSafetyKernel(options);
    if (options.port !== false) await kernel.#listen(options.port ?? 0);
    return kernel;
  }

  /** For `new SafetyClient({ url })`. */
  get url(): string {
    const port = (this.#server?.address() as AddressInfo | undefined)?.port ?? 0;
    return `http${this.#options.tls === undefined ? "" : "s"}://127.0.0.1:${port}`;
  }

  /** A transport that reaches this kernel without a socket, for `new SafetyClient({ transport })`. */
  transport(): Transport {
    return createRouterTransport((router) => this.#routes(router));
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

  async #listen(port: number): Promise<void> {
    const { connectNodeAdapter } = await loadPeer(
      "@connectrpc/connect-node",
      "a kernel that listens",
      () => import("@connectrpc/connect-node"),
    );
    const handler = connectNodeAdapter({ routes: (router) => this.#routes(router) });
    const { tls, httpVersion = "2" } = this.#options;
    const http = requireBuiltin<typeof NodeHttp>("node:http", "listening on a port");
    const http2 = requireBuiltin<typeof NodeHttp2>("node:http2", "listening on a port");
    const server: AnyServer =
      httpVersion === "1.1"
        ? http.createServer(handler as NodeHttp.RequestListener)
        : tls === undefined
          ? http2.createServer(handler)
          : http2.createSecureServer({ ...tls, allowHTTP1: true }, handler);
    this.#server = server;
    server.on("session", (session: NodeHttp2.ServerHttp2Session) => {
      this.#sessions.add(session);
      session.on("close", () => this.#sessions.delete(session));
    });
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(port, "127.0.0.1", resolve);
    });
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
    this.requests.push(request);
    const policySnapshot = this.#snapshot;
    const deny = (reason: string) => ({ decision: DecisionType.DENY, reason, policySnapshot });
    if (request.topic === "") return deny("missing topic");
    if (!request.topic.startsWith("job.")) return deny("unsupported topic");
    const { decide } = this.#options;
    if (decide === undefined) return { decision: DecisionType.ALLOW, policySnapshot };
    return { policySnapshot, ...(await decide(request)) } as KernelAnswer;
  }
}
