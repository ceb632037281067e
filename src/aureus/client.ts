/** The V1 client: the 13 calls of the Aureus Python SDK. */
import type {
  Action,
  Commit,
  GateConfig,
  GateResult,
  GuardDecision,
  Metric,
  PolicyContext,
  Principal,
  Span,
  TelemetryEvent,
  ValidatorRegistration,
  WorkflowExecutionResult,
  WorkflowSpec,
  WorkflowState,
} from "../../gen/aureus/v1/models.js";
import { linkSignals } from "../core/abort.js";
import { ClosedError, ProtocolError } from "../core/errors.js";
import { onAbort } from "../core/on-abort.js";
import { type MetricsWindow, metricsWindows, type WindowOptions } from "./metrics-windows.js";
import { type CallOptions, type V1Input, V1Wire, type V1WireOptions } from "./v1-wire.js";
import { type WatchOptions, watchState } from "./watch.js";

/** Options of {@link AureusClient}. */
export interface AureusClientOptions extends V1WireOptions {}

/** Options of {@link AureusClient.executeWorkflow}. */
export interface ExecuteOptions extends CallOptions {
  /** Data for the tasks; its keys are sent as they are. */
  readonly context?: Readonly<Record<string, unknown>> | null | undefined;
  /** Links what belongs together. */
  readonly correlationId?: string | null | undefined;
}

/** Filters of {@link AureusClient.getMetrics}; an empty one does not count. */
export interface MetricsFilter {
  readonly metricName?: string | undefined;
  /** Passed on as it is. */
  readonly startTime?: string | undefined;
  /** Passed on as it is. */
  readonly endTime?: string | undefined;
  readonly tags?: Readonly<Record<string, string>> | undefined;
}

/** Workflow states after which nothing changes any more. */
const ENDED = new Set(["success", "completed", "failed", "partial", "cancelled", "timeout"]);

/**
 * Speaks V1, the dialect of the Aureus Python SDK 0.1.0: snake_case on the wire, camelCase here.
 *
 * Every call resolves when the server has answered with 2xx. Answers are taken as they come: null members
 * and values that are not known yet are handed on. Calls throw the errors of this package; `aureusDetails`
 * gives what the server said. A call is only made again where the spec says that this does no harm, and
 * executeWorkflow, cancelWorkflow and requestApproval never.
 */
export class AureusClient {
  readonly #wire: V1Wire;
  readonly #options: AureusClientOptions;
  readonly #closing = new AbortController();

  /** @throws ValidationError `INVALID_BASE_URL` */
  constructor(options: AureusClientOptions = {}) {
    this.#options = options;
    this.#wire = new V1Wire(options);
    // With one listener that stays, those of each call come and go at next to no cost.
    onAbort(this.#closing.signal, () => {});
  }

  /** Without a trailing slash. */
  get baseUrl(): string {
    return this.#wire.baseUrl;
  }

  /** Executes a workflow and resolves when it has ended, whether well or not: see `status`. */
  async executeWorkflow(
    workflow: WorkflowSpec,
    options: ExecuteOptions = {},
  ): Promise<WorkflowExecutionResult> {
    const { context, correlationId, ...call } = options;
    const body = { workflow, context, correlationId };
    const answer = await this.#object("executeWorkflow", { ...call, body, correlationId });
    return present(answer, "taskResults") as never;
  }

  /** What state a workflow is in. Servers differ in what they say. */
  async getWorkflowStatus(workflowId: string, options: CallOptions = {}): Promise<WorkflowState> {
    return (await this.#object("getWorkflowStatus", {
      ...options,
      path: { workflow_id: workflowId },
    })) as never;
  }

  /** Cancels a running workflow. */
  async cancelWorkflow(workflowId: string, options: CallOptions = {}): Promise<WorkflowState> {
    return (await this.#object("cancelWorkflow", { ...options, path: { workflow_id: workflowId } })) as never;
  }

  /** Validates a state change through a gate. A commit that is blocked is an answer, not an error. */
  async validateCommit(
    commit: Commit,
    gateConfig: GateConfig,
    options: CallOptions = {},
  ): Promise<GateResult> {
    const answer = await this.#object("validateCommit", { ...options, body: { commit, gateConfig } });
    return present(answer, "validationResults") as never;
  }

  /** Registers a validator by configuration; what `config` may hold is up to the server. */
  async registerValidator(
    validatorId: string,
    config: Readonly<Record<string, unknown>>,
    options: CallOptions = {},
  ): Promise<ValidatorRegistration> {
    return (await this.#object("registerValidator", { ...options, body: { validatorId, config } })) as never;
  }

  /** Decides whether a principal may do an action. A denial is an answer, not an error. */
  async evaluatePolicy(context: PolicyContext, options: CallOptions = {}): Promise<GuardDecision> {
    return (await this.#object("evaluatePolicy", { ...options, body: context })) as never;
  }

  /**
   * Whether an action is allowed at once. False does not mean forbidden: a high or critical action is not
   * allowed until a human approved it; {@link AureusClient.evaluatePolicy} tells the two apart.
   */
  async checkPermission(principal: Principal, action: Action, options: CallOptions = {}): Promise<boolean> {
    const answer = await this.#object("checkPermission", { ...options, body: { principal, action } });
    return answer.allowed === true;
  }

  /** Asks for an approval token; the empty text when the server gave none. */
  async requestApproval(
    action: Action,
    principal: Principal,
    reason: string,
    options: CallOptions = {},
  ): Promise<string> {
    const body = { action, principal, reason };
    const { approvalToken } = await this.#object("requestApproval", { ...options, body });
    return typeof approvalToken === "string" ? approvalToken : "";
  }

  /** Reports one event. Unlike the Python SDK it throws when the server refuses; `Telemetry` never does. */
  async reportEvent(event: TelemetryEvent, options: CallOptions = {}): Promise<void> {
    await this.#run({ ...options, body: event }, (input) => this.#wire.send("reportEvent", input));
  }

  /** Reports one metric; see {@link AureusClient.reportEvent}. */
  async reportMetric(metric: Metric, options: CallOptions = {}): Promise<void> {
    const { tags, ...body } = metric;
    await this.#run({ ...options, body: tags == null ? body : metric }, (input) =>
      this.#wire.send("reportMetric", input),
    );
  }

  /** Reports one span; see {@link AureusClient.reportEvent}. */
  async reportSpan(span: Span, options: CallOptions = {}): Promise<void> {
    await this.#run({ ...options, body: span }, (input) => this.#wire.send("reportSpan", input));
  }

  /** All metrics that match. {@link AureusClient.metricsWindows} reads a long time in pieces. */
  async getMetrics(filter: MetricsFilter & CallOptions = {}): Promise<Metric[]> {
    const { metricName, startTime, endTime, tags, ...options } = filter;
    const query = {
      name: metricName || undefined,
      startTime: startTime || undefined,
      endTime: endTime || undefined,
      tags: tags && Object.keys(tags).length > 0 ? JSON.stringify(tags) : undefined,
    };
    return (await this.#run({ ...options, query }, (input) =>
      this.#wire.list("getMetrics", input),
    )) as Metric[];
  }

  /** All spans of a trace. */
  async getTrace(traceId: string, options: CallOptions = {}): Promise<Span[]> {
    const call = { ...options, path: { trace_id: traceId } };
    return (await this.#run(call, (input) => this.#wire.list("getTrace", input))) as Span[];
  }

  /** The metrics of a long time, one window after the other: nothing is held but the window in hand. */
  metricsWindows(
    options: WindowOptions & Omit<MetricsFilter, "startTime" | "endTime">,
  ): AsyncGenerator<MetricsWindow> {
    return metricsWindows((filter) => this.getMetrics(filter), options);
  }

  /**
   * The states of a workflow: the first one, and each one that differs from the one before, until one is an
   * end or the signal fires. V1 has no push, so this asks again and again.
   */
  watchWorkflow(
    workflowId: string,
    options: WatchOptions<WorkflowState> = {},
  ): AsyncGenerator<WorkflowState> {
    return watchState({
      clock: this.#options.clock,
      isEnd: ({ status }) => ENDED.has(status ?? ""),
      ...options,
      read: (signal) => this.getWorkflowStatus(workflowId, { signal }),
    });
  }

  /** Ends calls in hand with a ClosedError and refuses later ones. */
  async close(): Promise<void> {
    this.#closing.abort(new ClosedError("the client is closed"));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #object(operation: Parameters<V1Wire["object"]>[0], input: V1Input): Promise<Record<string, unknown>> {
    return this.#run(input, (call) => this.#wire.object(operation, call));
  }

  /** Makes a call under the client's own end. @throws ClosedError after close() */
  async #run<T>(input: V1Input, make: (input: V1Input) => Promise<T>): Promise<T> {
    const closing = this.#closing.signal;
    if (closing.aborted) throw new ClosedError("the client is closed");
    if (input.signal === undefined) return make({ ...input, signal: closing });
    // Not AbortSignal.any: what it makes stays with `closing` as long as the client lives.
    const link = linkSignals([input.signal, closing]);
    try {
      return await make({ ...input, signal: link.signal });
    } finally {
      link.dispose();
    }
  }
}

/** The answer, if the member that every caller goes through is there. */
function present(answer: Record<string, unknown>, member: string): Record<string, unknown> {
  if (typeof answer[member] === "object" && answer[member] !== null) return answer;
  throw new ProtocolError(`the Aureus server answered without ${member}`, { code: "UNEXPECTED_ANSWER" });
}
