/** Asks a safety kernel, and a policy evaluator, over Connect or gRPC. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { type CallOptions, type Client, createClient, type Transport } from "@connectrpc/connect";
import {
  type PolicyCheckRequestSchema,
  type PolicyEvaluateRequestSchema,
  type PolicyEvaluateResponse,
  PolicyEvaluator,
  SafetyKernel,
} from "../../../gen/cap/index.js";
import { withDeadline } from "../../core/abort.js";
import { type Clock, systemClock } from "../../core/clock.js";
import { ClosedError, ConnectionError, errorText } from "../../core/errors.js";
import { type Logger, safeLogger, warnOnce } from "../../core/logger.js";
import { Circuit, type CircuitState } from "./circuit.js";
import { type KernelTransport, type KernelTransportOptions, kernelTransport } from "./transport.js";
import { failedVerdict, type PolicyVerdict, rpcError, verdictOf } from "./verdict.js";

/** Options of {@link SafetyClient}; either `url` or `transport`. */
export interface SafetyClientOptions extends Omit<KernelTransportOptions, "url"> {
  readonly url?: string | undefined;
  /** A transport of Connect; it stays the caller's. Default: one for `url`. */
  readonly transport?: Transport | undefined;
  /** How long a call may take. Default: 2000. */
  readonly timeoutMs?: number | undefined;
  /**
   * What {@link SafetyClient.checkPolicy} decides if the kernel does not answer: false DENY, true ALLOW, each time
   * with a warning. True is for development only. Default: false.
   */
  readonly failOpen?: boolean | undefined;
  /** Default: the system's. */
  readonly clock?: Clock | undefined;
}

/** Options of a single call. */
export interface PolicyCallOptions {
  readonly signal?: AbortSignal | undefined;
  /** Default: that of the client. */
  readonly timeoutMs?: number | undefined;
}

/** A question about a job; `policyCheckRequest` makes one of a job request. */
export type PolicyCheckInit = MessageInitShape<typeof PolicyCheckRequestSchema>;

/** A question to the policy evaluator. */
export type PolicyEvaluateInit = MessageInitShape<typeof PolicyEvaluateRequestSchema>;

type Question = "check" | "evaluate" | "explain" | "simulate";

/** A client of a safety kernel. It connects at the first call. */
export class SafetyClient {
  readonly #options: SafetyClientOptions;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #circuit: Circuit;
  #connection: Promise<KernelTransport> | undefined;
  #closed = false;

  constructor(options: SafetyClientOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#logger = safeLogger(options.logger);
    this.#circuit = new Circuit(this.#clock);
    if (!options.failOpen) return;
    const text = "failOpen is set: jobs run even if the safety kernel does not answer";
    warnOnce(options.logger, "cap.safety.fail-open", text);
  }

  /** Where the circuit stands. */
  get circuit(): CircuitState {
    return this.#circuit.state;
  }

  /**
   * Asks whether a job may run (`Check`). A kernel that gives no answer, in time or at all, makes a verdict with
   * `failed` that denies, or allows with `failOpen`.
   *
   * @throws AbortError or TimeoutError when the caller's signal fires, ClosedError; nothing else.
   */
  async checkPolicy(request: PolicyCheckInit, options: PolicyCallOptions = {}): Promise<PolicyVerdict> {
    try {
      return await this.#ask("check", request, options);
    } catch (error) {
      if (error instanceof ClosedError || options.signal?.aborted) throw error;
      const failOpen = this.#options.failOpen ?? false;
      const reason = `safety kernel error: ${errorText(error)}`;
      this.#logger.warn("the safety kernel did not answer", {
        reason,
        decision: failOpen ? "ALLOW" : "DENY",
      });
      return failedVerdict(reason, failOpen);
    }
  }

  /** `Evaluate`: the same decision as {@link SafetyClient.checkPolicy}. Rejects when there is no answer. */
  evaluate(request: PolicyCheckInit, options: PolicyCallOptions = {}): Promise<PolicyVerdict> {
    return this.#ask("evaluate", request, options);
  }

  /** `Explain`: the decision with its reasons. Rejects when there is no answer. */
  explain(request: PolicyCheckInit, options: PolicyCallOptions = {}): Promise<PolicyVerdict> {
    return this.#ask("explain", request, options);
  }

  /** `Simulate`: the decision, and nothing is recorded. Rejects when there is no answer. */
  simulate(request: PolicyCheckInit, options: PolicyCallOptions = {}): Promise<PolicyVerdict> {
    return this.#ask("simulate", request, options);
  }

  /** The hashes of the policies that the kernel knows. Rejects when there is no answer. */
  async listSnapshots(options: PolicyCallOptions = {}): Promise<readonly string[]> {
    const { snapshots } = await this.#call("ListSnapshots", SafetyKernel, options, (client, given) =>
      client.listSnapshots({}, given),
    );
    return snapshots;
  }

  /** `PolicyEvaluator.EvaluateUnified`: judges a rule or a bundle. Rejects when there is no answer. */
  evaluateUnified(
    request: PolicyEvaluateInit,
    options: PolicyCallOptions = {},
  ): Promise<PolicyEvaluateResponse> {
    return this.#call("EvaluateUnified", PolicyEvaluator, options, (client, given) =>
      client.evaluateUnified(request, given),
    );
  }

  /** Lets go of the connections. Repeated calls are fine. */
  async close(): Promise<void> {
    this.#closed = true;
    const connection = this.#connection;
    this.#connection = undefined;
    await connection?.then(({ close }) => close()).catch(() => {}); // one that was never made needs no end
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #ask(
    question: Question,
    request: PolicyCheckInit,
    options: PolicyCallOptions,
  ): Promise<PolicyVerdict> {
    const response = await this.#call(question, SafetyKernel, options, (client, given) =>
      client[question](request, given),
    );
    return verdictOf(response);
  }

  async #call<S extends typeof SafetyKernel | typeof PolicyEvaluator, T>(
    what: string,
    service: S,
    options: PolicyCallOptions,
    call: (client: Client<S>, options: CallOptions) => Promise<T>,
  ): Promise<T> {
    if (this.#closed) throw new ClosedError("the safety client is closed");
    const leave = this.#circuit.enter();
    if (leave === undefined) {
      const text = "circuit breaker open: the safety kernel failed repeatedly; try again later";
      throw new ConnectionError(text, { code: "CIRCUIT_OPEN" });
    }
    const { headers } = this.#options;
    const timeoutMs = options.timeoutMs ?? this.#options.timeoutMs ?? 2_000;
    try {
      const limits = { timeoutMs, signal: options.signal, clock: this.#clock, what };
      const answer = await withDeadline(limits, async (signal) =>
        call(createClient(service, await this.#transport()), { signal, headers: { ...headers } }),
      );
      leave(true);
      return answer;
    } catch (error) {
      // The caller's own abort says nothing about the kernel.
      leave(options.signal?.aborted ? undefined : false);
      throw rpcError(error);
    }
  }

  async #transport(): Promise<Transport> {
    const { transport, url = "" } = this.#options;
    if (transport !== undefined) return transport;
    this.#connection ??= kernelTransport({ ...this.#options, url });
    return (await this.#connection).transport;
  }
}
