/**
 * An Aureus for demos, tests and local development: V1 with the semantics of the real engine, and the console. It keeps
 * everything in memory.
 */

import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";
import type { Snapshot } from "../../gen/aureus/console/models.js";
import type { OperationId as ConsoleOperationId } from "../../gen/aureus/console/operations.js";
import {
  type OperationId,
  operationTable,
  type Principal,
  type TaskSpec,
} from "../../gen/aureus/v1/index.js";
import type {
  GoalGuard as Guard,
  RecoveryExecutor,
  TaskContext,
  WorkflowEngineOptions,
} from "../aureus/engine/index.js";
import { GoalGuard, WorkflowEngine } from "../aureus/engine/index.js";
import { errorText, NotFoundError } from "../core/errors.js";
import { Deployments } from "./aureus/console/deployments.js";
import { ConsoleState } from "./aureus/console/handlers.js";
import { Registries } from "./aureus/console/registries.js";
import { answerConsole, consoleOperations } from "./aureus/console/routes.js";
import { ConsoleUsers, defaultUser, type LocalUser } from "./aureus/console/users.js";
import { bearer, checkBody, htmlNotFound } from "./aureus/exchange.js";
import { TelemetryStore } from "./aureus/telemetry-store.js";
import { answerV1, type V1State } from "./aureus/v1-routes.js";
import { type LocalValidator, ValidatorRegistry } from "./aureus/validator-registry.js";
import type { HttpAnswer } from "./http/answer.js";
import type { Fault } from "./http/faults.js";
import { type LocalRequest, LocalServer, type LocalServerOptions } from "./http/local-server.js";
import { Refusal, refusal } from "./http/refusal.js";

/** A fault of {@link LocalAureus}, at an operation of V1 or of the console. */
export type AureusFault = Fault<OperationId | ConsoleOperationId>;

const maxBodyBytes = 10_485_760;

/** A tool of {@link LocalAureus}: receives the task's `inputs` and returns its result. Throwing fails the attempt. */
export type LocalTool = (inputs: Readonly<Record<string, unknown>>, context: TaskContext) => unknown;

/** Options of {@link LocalAureus}. */
export interface LocalAureusOptions extends LocalServerOptions<AureusFault> {
  /** Tools by name, for tasks and for compensation actions (which get their `args`). */
  readonly tools?: Readonly<Record<string, LocalTool>> | undefined;
  /**
   * Does the tasks whose tool is not registered. Default: one without a tool gives back its inputs, one with a tool
   * fails.
   */
  readonly execute?: WorkflowEngineOptions["execute"] | undefined;
  /**
   * Validators by the identifier that gates name, or that a client registers as `validation_logic`. `not_null`,
   * `monotonic`, `temporal_monotonic`, `max_size` and `statistical_bounds` are known from the start.
   */
  readonly validators?: Readonly<Record<string, LocalValidator>> | undefined;
  /** On whose behalf tasks run. Default: an agent without permissions. */
  readonly principal?: Principal | undefined;
  /** Judges every task's result. Default: none. */
  readonly gate?: WorkflowEngineOptions["gate"] | undefined;
  /** Carries out the recovery strategy of the gate. Default: none. */
  readonly recovery?: RecoveryExecutor | undefined;
  /** V1 calls must carry it. Default: anybody may call. */
  readonly apiKey?: string | undefined;
  /** Who may log in to the console. Default: `operator` with `operator123`, as on the real server. */
  readonly users?: readonly LocalUser[] | undefined;
  /** False answers V1 calls as a console server does: 404 with a page. Default: true. */
  readonly v1?: boolean | undefined;
  /** False leaves the console out. Default: true. */
  readonly console?: boolean | undefined;
  /** Telemetry entries kept of each kind. Default: 100,000. */
  readonly maxTelemetry?: number | undefined;
  /** Numbers from 0 to below 1, for the jitter of retries. Default: `Math.random`. */
  readonly random?: (() => number) | undefined;
}

/** An Aureus in this process. */
export class LocalAureus extends LocalServer<AureusFault, Record<never, never>> {
  readonly #options: LocalAureusOptions;
  readonly #users: ConsoleUsers;
  readonly #state: V1State;
  readonly #console: ConsoleState;

  private constructor(options: LocalAureusOptions) {
    const { v1 = true, console = true } = options;
    super(options, {
      what: "the local Aureus",
      operations: [...(v1 ? Object.values(operationTable) : []), ...(console ? consoleOperations : [])],
      maxBodyBytes,
      trailingSlash: true,
    });
    const { clock } = this;
    this.#options = options;
    this.#users = new ConsoleUsers(options.users ?? [defaultUser], clock);
    const guard = new GoalGuard({ clock });
    const { principal = { id: "local-agent", type: "agent", permissions: [] } } = options;
    const { gate, recovery, random = Math.random, logger } = options;
    this.#state = {
      clock,
      guard,
      engine: new WorkflowEngine({
        ...{ clock, guard, principal, gate, recovery, logger, random },
        execute: (task, context) => this.#execute(task, context),
        compensate: ({ tool, args }, { workflowId, taskId }) => {
          const context = { workflowId, taskId, attempt: 1, context: {}, results: {} };
          return this.#tool(tool)(args ?? {}, { ...context, signal: new AbortController().signal });
        },
      }),
      validators: new ValidatorRegistry(options.validators),
      telemetry: new TelemetryStore(options.maxTelemetry ?? 100_000),
      running: new Map(),
      cancelled: new Set(),
    };
    const { engine, telemetry } = this.#state;
    const kept = [new Deployments(), new Registries()] as const;
    this.#console = new ConsoleState(clock, engine, guard, principal, telemetry, ...kept);
  }

  /** Rejects with a `ConnectionError` if the port is taken, with an `UnsupportedError` where there are no ports. */
  static async start(options: LocalAureusOptions = {}): Promise<LocalAureus> {
    return new LocalAureus(options).listen();
  }

  get env(): Readonly<Record<string, string>> {
    const { apiKey, users: [user] = [defaultUser] } = this.#options;
    return {
      AUREUS_URL: this.url,
      ...(apiKey !== undefined && { AUREUS_API_KEY: apiKey }),
      ...(user !== undefined && { AUREUS_USERNAME: user.username, AUREUS_PASSWORD: user.password }),
    };
  }

  /** The engine behind it: runs workflows without HTTP, and knows their state. */
  get engine(): WorkflowEngine {
    return this.#state.engine;
  }

  /** The GoalGuard behind it, with its audit log. */
  get guard(): Guard {
    return this.#state.guard;
  }

  /** What was reported over V1, in snake_case. */
  get telemetry(): TelemetryStore {
    return this.#state.telemetry;
  }

  /** Takes a snapshot that the console lists, and to which it rolls back. `state` is the state of the world. */
  snapshot(
    workflowId: string,
    stepId: string,
    options: { readonly state?: object; readonly metadata?: Record<string, unknown> } = {},
  ): Snapshot {
    const { state = {}, metadata } = options;
    const { snapshots } = this.#console;
    const contentHash = bytesToHex(sha256(utf8ToBytes(JSON.stringify(state))));
    const count = snapshots.length + 1;
    const timestamp = this.#console.now();
    const snapshot: Snapshot = {
      id: `snapshot-${count}-${workflowId}-${stepId}`,
      taskId: workflowId,
      ...{ stepId, timestamp, contentHash, merkleRoot: contentHash, memoryPointers: [], verified: true },
      worldStateSnapshot: { id: `ws-${count}`, state, entries: {}, timestamp },
      ...(metadata !== undefined && { metadata }),
    };
    snapshots.push(snapshot);
    return snapshot;
  }

  /**
   * Goes down and comes up again. Logins end, and active workflows are cancelled. What is known of workflows stays,
   * and so does telemetry.
   */
  override restart(options: { readonly downMs?: number | undefined } = {}): Promise<void> {
    this.stopIntake();
    this.#users.forget();
    return super.restart(options);
  }

  protected override stopIntake(): void {
    for (const run of this.#state.running.values()) run.abort();
  }

  protected override async answer(request: LocalRequest): Promise<HttpAnswer> {
    const { v1 = true, console = true } = this.#options;
    const { operation, params, pathname } = request;
    try {
      checkBody(request);
      if (request.method === "OPTIONS" && console) return { status: 200, headers: {}, text: "OK" };
      if (operation === undefined) {
        if (v1 && pathname.startsWith("/api/v1/")) throw refusal(404, "Not found");
        return htmlNotFound(request);
      }
      if (Object.hasOwn(operationTable, operation)) {
        const { apiKey } = this.#options;
        if (apiKey !== undefined && bearer(request) !== apiKey) {
          throw refusal(401, "Unauthorized: Missing or invalid token");
        }
        return await answerV1({ operation: operation as OperationId, params }, request, this.#state);
      }
      return await answerConsole(operation as ConsoleOperationId, request, this.#users, this.#console);
    } catch (error) {
      if (error instanceof Refusal) throw error;
      this.logger.error("the local Aureus failed", { path: pathname, reason: errorText(error) });
      throw refusal(500, "Internal server error", { details: errorText(error) });
    }
  }

  #execute(task: TaskSpec, context: TaskContext): unknown {
    const { tools = {}, execute } = this.#options;
    const name = task.toolName;
    if (name && Object.hasOwn(tools, name)) return tools[name]!(task.inputs ?? {}, context);
    if (execute !== undefined) return execute(task, context);
    if (name) return this.#tool(name);
    return { tool: null, echo: task.inputs ?? {} };
  }

  #tool(name: string): LocalTool {
    const { tools = {} } = this.#options;
    const tool = Object.hasOwn(tools, name) ? tools[name] : undefined;
    if (tool === undefined) throw new NotFoundError(`no tool is called '${name}'`);
    return tool;
  }
}
