/** The V1 client: the 13 calls of the Aureus Python SDK. */
import { AureusV1Client } from "../../gen/aureus/v1/client.js";
import { keyMap } from "../../gen/aureus/v1/keys.js";
import type {
  Action,
  Commit,
  ErrorBody,
  GateConfig,
  GateResult,
  Metric,
  Principal,
  ValidatorRegistration,
  WorkflowExecutionResult,
  WorkflowSpec,
  WorkflowState,
} from "../../gen/aureus/v1/models.js";
import { optionOrEnv } from "../core/env.js";
import { stringifyJson } from "../core/json-form.js";
import { checkOptions } from "../core/options.js";
import { reveal, type Secret } from "../core/secret.js";
import {
  bearer,
  type CallOptions,
  HttpClient,
  type HttpOperation,
  type ResponsePromise,
} from "../http/index.js";
import { type MetricsWindow, metricsWindows, type WindowOptions } from "./metrics-windows.js";
import { leaveNullsOut } from "./nulls.js";
import { type AureusOptions, aureusHttp } from "./options.js";
import { type WatchOptions, watchState } from "./watch.js";

/** Options of {@link AureusClient}. */
export interface AureusClientOptions extends AureusOptions {
  /** Sent as `Authorization: Bearer`. Default: AUREUS_API_KEY, else no header. */
  readonly apiKey?: string | Secret | undefined;
  /**
   * What is sent for optional members that are null or not given: nothing (`omit`, the default), or null (`explicit`),
   * as aureus-sdk 0.1.0 (Python) does.
   */
  readonly nulls?: "omit" | "explicit" | undefined;
}

/** Options of {@link AureusClient.executeWorkflow}. */
export interface ExecuteOptions extends CallOptions {
  /** Data for the tasks; its keys are sent as they are. */
  readonly context?: Record<string, unknown> | null | undefined;
  /** Links what belongs together. Part of the request, and named in errors. */
  readonly correlationId?: string | undefined;
}

/** Filters of {@link AureusClient.getMetrics}; an empty one does not count. */
export interface MetricsFilter {
  readonly metricName?: string | undefined;
  /** Sent as it is. */
  readonly startTime?: string | undefined;
  /** Sent as it is. */
  readonly endTime?: string | undefined;
  readonly tags?: Readonly<Record<string, string>> | undefined;
}

/** The calls of the Python SDK whose arguments differ from the requests of the spec. */
type Reshaped =
  | "executeWorkflow"
  | "validateCommit"
  | "registerValidator"
  | "checkPermission"
  | "requestApproval"
  | "getMetrics";

/** Error responses of V1, all in one form; see `ResponsePromise.outcome`. */
type Errors = { readonly "4XX": ErrorBody; readonly "5XX": ErrorBody; readonly default: ErrorBody };

/** The other calls are those of the generated client. */
const Generated: new (http: HttpClient) => Omit<AureusV1Client, Reshaped> = AureusV1Client;

/** Loaded with the first body: the schemas of all bodies are large, and seldom needed. */
async function writeNulls(body: unknown, operation: HttpOperation): Promise<unknown> {
  return (await import("./explicit-nulls.js")).explicitNulls(body, operation);
}

/** States in which a workflow goes on; any other one is an end, known to this version or not. */
const ONGOING = new Set(["pending", "queued", "scheduled", "running", "retrying", "paused", "waiting"]);

/**
 * Speaks V1, the dialect of the Aureus Python SDK 0.1.0: snake_case in the protocol, camelCase here.
 *
 * Every call resolves when the server has answered with 2xx. Responses are taken as they come: null members and values
 * that are not known yet are handed on. Calls reject with the errors of this package; `details` of the error holds what
 * the server said. A call is repeated only where the spec says that this does no harm;
 * executeWorkflow, cancelWorkflow and requestApproval never are.
 */
export class AureusClient extends Generated {
  readonly #api: AureusV1Client;
  readonly #options: AureusClientOptions;

  /** @throws ValidationError `INVALID_BASE_URL`; `INVALID_TOKEN` for a key that cannot stand in a header */
  constructor(options: AureusClientOptions = {}) {
    checkOptions(options, { nulls: ["omit", "explicit"] });
    const apiKey = options.apiKey === undefined ? undefined : reveal(options.apiKey);
    const key = optionOrEnv(apiKey, "AUREUS_API_KEY");
    const http = new HttpClient({
      ...aureusHttp(options, "V1"),
      keyMap,
      auth: key === undefined ? undefined : bearer(key),
      finishBody: options.nulls === "explicit" ? writeNulls : leaveNullsOut,
    });
    super(http);
    this.#api = new AureusV1Client(http);
    this.#options = options;
  }

  /** Executes a workflow and resolves when it has ended, whether well or not: see `status`. */
  executeWorkflow(
    workflow: WorkflowSpec,
    options: ExecuteOptions = {},
  ): ResponsePromise<WorkflowExecutionResult, Errors> {
    const { context, ...call } = options;
    const { correlationId } = call;
    return this.#api.executeWorkflow(
      {
        workflow,
        ...(context !== undefined && { context }),
        ...(correlationId !== undefined && { correlationId }),
      },
      call,
    );
  }

  /** Validates a state change through a gate. A commit that is blocked is a result, not an error. */
  validateCommit(
    commit: Commit,
    gateConfig: GateConfig,
    options?: CallOptions,
  ): ResponsePromise<GateResult, Errors> {
    return this.#api.validateCommit({ commit, gateConfig }, options);
  }

  /** Registers a validator by configuration; what `config` may hold is up to the server. */
  registerValidator(
    validatorId: string,
    config: Record<string, unknown>,
    options?: CallOptions,
  ): ResponsePromise<ValidatorRegistration, Errors> {
    return this.#api.registerValidator({ validatorId, config }, options);
  }

  /**
   * Whether an action is allowed at once. False does not mean forbidden: a high or critical action is not allowed until
   * a human has approved it; `evaluatePolicy` tells the two apart.
   */
  checkPermission(
    principal: Principal,
    action: Action,
    options?: CallOptions,
  ): ResponsePromise<boolean, Errors> {
    return this.#api.checkPermission({ principal, action }, options).map(({ allowed }) => allowed === true);
  }

  /** Asks for an approval token; the empty text if the server issued none. */
  requestApproval(
    action: Action,
    principal: Principal,
    reason: string,
    options?: CallOptions,
  ): ResponsePromise<string, Errors> {
    return this.#api
      .requestApproval({ action, principal, reason }, options)
      .map(({ approvalToken }) => (typeof approvalToken === "string" ? approvalToken : ""));
  }

  /** All metrics that match. {@link AureusClient.metricsWindows} reads a long time in pieces. */
  getMetrics(filter: MetricsFilter & CallOptions = {}): ResponsePromise<Metric[], Errors> {
    const { metricName, startTime, endTime, tags, ...options } = filter;
    const query = {
      ...(metricName && { name: metricName }),
      ...(startTime && { startTime }),
      ...(endTime && { endTime }),
      ...(tags && Object.keys(tags).length > 0 && { tags: stringifyJson(tags, { what: "tags" }) }),
    };
    return this.#api.getMetrics({ ...options, query });
  }

  /** The metrics of a long time, one window after the other: only the current window is held. */
  metricsWindows(
    options: WindowOptions & Omit<MetricsFilter, "startTime" | "endTime">,
  ): AsyncGenerator<MetricsWindow> {
    return metricsWindows((filter) => this.getMetrics(filter), options);
  }

  /**
   * The states of a workflow: the first one, and each one that differs from the one before, until one is an end or the
   * signal fires. V1 has no push, so this polls.
   */
  watchWorkflow(
    workflowId: string,
    options: WatchOptions<WorkflowState> = {},
  ): AsyncGenerator<WorkflowState> {
    return watchState({
      clock: this.#options.clock,
      isEnd: ({ status }) => typeof status === "string" && !ONGOING.has(status),
      ...options,
      read: (signal) => this.#api.getWorkflowStatus(workflowId, { signal }),
    });
  }
}
