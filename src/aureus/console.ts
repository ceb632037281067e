/** The client of the Aureus Console server. */
import type {
  Action,
  PolicySimulation,
  Principal,
  Snapshot,
  TimelineEntry,
  WorkflowAdvice,
  WorkflowEvent,
  WorkflowSpec,
  WorkflowStatus,
  WorkflowValidation,
} from "../../gen/aureus/console/models.js";
import { linkSignals } from "../core/abort.js";
import { TimeoutError } from "../core/errors.js";
import { ConsoleDeployments, ConsoleMonitoring } from "./console-parts.js";
import {
  type ConsoleInput,
  type ConsoleOperationId,
  type ConsoleOutput,
  ConsoleWire,
  type ConsoleWireOptions,
} from "./console-wire.js";
import type { CallOptions } from "./v1-wire.js";
import { type WatchOptions, watchState } from "./watch.js";

/** Options of {@link AureusConsoleClient}. */
export interface AureusConsoleClientOptions extends ConsoleWireOptions {}

/** What an approval is given. */
export interface ApprovalInput {
  /** The task, or the id of the action that was simulated. */
  readonly taskId: string;
  readonly approvalToken: string;
}

/** Options of {@link AureusConsoleClient.waitForDecision}. */
export interface WaitOptions {
  /** Wait between two questions, in milliseconds. Default: 2000. */
  readonly intervalMs?: number | undefined;
  /** How long to wait in all, in milliseconds. Default: no limit. */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What a human decided. */
export interface Decision {
  readonly approved: boolean;
  /** Such as "Approved by operator". */
  readonly reason: string | undefined;
  /** The state in which the decision was seen. */
  readonly workflow: WorkflowStatus;
}

/**
 * Speaks the dialect of the Aureus Console server: camelCase, with a token from a login.
 *
 * The login is made with the first call, renewed before it ends, and made once more when the server refuses
 * the token; logins that fall together are one. Calls throw the errors of this package; `aureusDetails` gives
 * what the server said. Every route of the spec can be called with {@link AureusConsoleClient.call}.
 */
export class AureusConsoleClient {
  readonly #wire: ConsoleWire;
  readonly #options: AureusConsoleClientOptions;
  /** Versions, deployments and their gates. */
  readonly deployments: ConsoleDeployments;
  /** The server's aggregates and events. */
  readonly monitoring: ConsoleMonitoring;

  /** @throws ValidationError `invalid_base_url` */
  constructor(options: AureusConsoleClientOptions = {}) {
    this.#options = options;
    this.#wire = new ConsoleWire(options);
    this.deployments = new ConsoleDeployments(this.#wire);
    this.monitoring = new ConsoleMonitoring(this.#wire);
  }

  /** Without a trailing slash. */
  get baseUrl(): string {
    return this.#wire.baseUrl;
  }

  /** A `fetch` that adds the token, for a client of openapi-fetch that is typed by the generated `paths`. */
  get fetch(): typeof fetch {
    return this.#wire.fetch;
  }

  /** Any operation of the spec, by its id; path, query, body and answer are typed. */
  call<Id extends ConsoleOperationId>(
    operation: Id,
    input: ConsoleInput<Id> & CallOptions,
  ): Promise<ConsoleOutput<Id>> {
    return this.#wire.call(operation, input);
  }

  /** Logs in now, unless a token is in hand. Not needed: the first call does it. */
  async login(options: Pick<CallOptions, "signal"> = {}): Promise<void> {
    await this.#wire.session.token(options.signal);
  }

  /**
   * Ends the session on the server, if there is one. Mind that logins of one user within the same second share
   * a token there, so this may log out others.
   */
  async logout(options: CallOptions = {}): Promise<void> {
    const { current } = this.#wire.session;
    if (current === undefined) return;
    await this.#wire.call("logout", { ...options });
    const last = this.#wire.session.current;
    if (last !== undefined) this.#wire.session.drop(last);
  }

  /** Without a tenant, only workflows that the server process has seen. */
  listWorkflows(options: CallOptions = {}): Promise<WorkflowStatus[]> {
    return this.#wire.call("listWorkflows", { ...options });
  }

  getWorkflow(id: string, options: CallOptions = {}): Promise<WorkflowStatus> {
    return this.#wire.call("getWorkflow", { ...options, path: { id } });
  }

  /** An unknown id gives an empty list. */
  getEvents(id: string, options: CallOptions = {}): Promise<WorkflowEvent[]> {
    return this.#wire.call("getWorkflowEvents", { ...options, path: { id } });
  }

  getTimeline(id: string, options: CallOptions = {}): Promise<TimelineEntry[]> {
    return this.#wire.call("getWorkflowTimeline", { ...options, path: { id } });
  }

  getSnapshots(id: string, options: CallOptions = {}): Promise<Snapshot[]> {
    return this.#wire.call("getWorkflowSnapshots", { ...options, path: { id } });
  }

  /**
   * Spends an approval token. Resolves when the approval is recorded; nothing is resumed by it.
   * @throws ValidationError for a token that does not fit, is spent or older than an hour
   */
  async approve(id: string, approval: ApprovalInput, options: CallOptions = {}): Promise<void> {
    const { taskId, approvalToken } = approval;
    await this.#wire.call("approveAction", { ...options, path: { id }, body: { taskId, approvalToken } });
  }

  /** Records a denial. The server does not check the token. */
  async deny(
    id: string,
    denial: ApprovalInput & { readonly reason: string },
    options: CallOptions = {},
  ): Promise<void> {
    const { taskId, approvalToken, reason } = denial;
    await this.#wire.call("denyAction", {
      ...options,
      path: { id },
      body: { taskId, approvalToken, reason },
    });
  }

  /** Goes back to a snapshot. */
  async rollback(
    id: string,
    snapshotId: string,
    options: CallOptions & { readonly reason?: string } = {},
  ): Promise<void> {
    const { reason, ...call } = options;
    const body = { snapshotId, ...(reason !== undefined && { reason }) };
    await this.#wire.call("rollbackWorkflow", { ...call, path: { id }, body });
  }

  /**
   * Checks the form of a workflow; problems are an answer, not an error. The server drops unknown members
   * without a word and does not notice cycles.
   */
  validateWorkflow(spec: WorkflowSpec, options: CallOptions = {}): Promise<WorkflowValidation> {
    return this.#wire.call("validateWorkflow", { ...options, body: spec });
  }

  /** Advice on gates for risky tasks. */
  adviseWorkflow(spec: WorkflowSpec, options: CallOptions = {}): Promise<WorkflowAdvice> {
    return this.#wire.call("validateWorkflowCrv", { ...options, body: spec });
  }

  /**
   * What the policy guard decides. The token of a high or critical action is real: spend it with
   * {@link AureusConsoleClient.approve}, the action's id as task id. It replaces an earlier one.
   */
  simulatePolicy(action: Action, principal: Principal, options: CallOptions = {}): Promise<PolicySimulation> {
    return this.#wire.call("simulatePolicy", { ...options, body: { action, principal } });
  }

  /** The states of a workflow: the first one, and each one that differs from the one before, to the end. */
  watchWorkflow(id: string, options: WatchOptions<WorkflowStatus> = {}): AsyncGenerator<WorkflowStatus> {
    return watchState({
      clock: this.#options.clock,
      isEnd: ({ status }) => status === "completed" || status === "failed",
      ...options,
      read: (signal) => this.getWorkflow(id, { signal }),
    });
  }

  /**
   * Waits until a human has decided, asking again and again: the server has no push.
   * @throws TimeoutError after `timeoutMs`, AbortedError when the signal fires, NotFoundError for an unknown id
   */
  async waitForDecision(id: string, options: WaitOptions = {}): Promise<Decision> {
    const { clock } = this.#options;
    const { timeoutMs, intervalMs } = options;
    const link = linkSignals([options.signal], { timeoutMs, clock, what: "waiting for a decision" });
    const { signal } = link;
    const decided = ({ policyStatus }: WorkflowStatus) => /^(?:approved|rejected)$/.test(policyStatus.status);
    try {
      for await (const workflow of this.watchWorkflow(id, { signal, intervalMs, isEnd: decided })) {
        const { status, reason } = workflow.policyStatus;
        if (decided(workflow)) return { approved: status === "approved", reason, workflow };
      }
      throw new TimeoutError("no decision was made");
    } catch (error) {
      // The limit ends the call in hand as well, which then speaks of an abort.
      if (signal.aborted && signal.reason instanceof TimeoutError) throw signal.reason;
      throw error;
    } finally {
      link.dispose();
    }
  }

  /** Refuses further calls. The session is not logged out: others may share its token. */
  async close(): Promise<void> {
    this.#wire.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
