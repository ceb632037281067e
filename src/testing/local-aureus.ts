/**
 * A small Aureus for demos, tests and local development: V1 with the semantics of the real engine, and the login,
 * workflow and approval part of the console. For one machine; it stores nothing.
 */
import type { Principal, TaskSpec } from "../../gen/aureus/v1/index.js";
import type {
  EngineEvent,
  GoalGuard as Guard,
  RecoveryExecutor,
  TaskContext,
  Validator,
  WorkflowEngineOptions,
} from "../aureus/engine/index.js";
import { GoalGuard, WorkflowEngine } from "../aureus/engine/index.js";
import { raceSignal } from "../core/abort.js";
import { type Clock, systemClock } from "../core/clock.js";
import { errorText, NotFoundError } from "../core/errors.js";
import { type Logger, safeLogger } from "../core/logger.js";
import { answerConsole, matchConsole } from "./aureus/console-routes.js";
import { bearer, ConsoleUsers, defaultUser, type LocalUser } from "./aureus/console-users.js";
import { htmlNotFound, json, type LocalAnswer, type LocalRequest } from "./aureus/exchange.js";
import { type AureusFault, DroppedConnection, Faults } from "./aureus/faults.js";
import { type Listening, listen } from "./aureus/node-server.js";
import { TelemetryStore } from "./aureus/telemetry-store.js";
import { answerV1, matchV1, type V1State } from "./aureus/v1-routes.js";
import { type ValidatorLogic, ValidatorRegistry } from "./aureus/validator-registry.js";

/** A tool of {@link LocalAureus}: gets the task's `inputs`, gives the task's result. Throwing fails the attempt. */
export type LocalTool = (inputs: Readonly<Record<string, unknown>>, context: TaskContext) => unknown;

/** Options of {@link LocalAureus}. */
export interface LocalAureusOptions {
  /** Tools by name, for tasks and for compensation actions (which get their `args`). */
  readonly tools?: Readonly<Record<string, LocalTool>> | undefined;
  /**
   * Does the tasks whose tool is not registered. Default: one without a tool gives back its inputs, one with a tool
   * fails.
   */
  readonly execute?: WorkflowEngineOptions["execute"] | undefined;
  /** Validators by the identifier that gates name. `not_null`, `monotonic` and `temporal_monotonic` are there already. */
  readonly validators?: Readonly<Record<string, Validator>> | undefined;
  /** What the `validation_logic` of a validator registered over the wire can name. */
  readonly validatorLogic?: Readonly<Record<string, ValidatorLogic>> | undefined;
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
  readonly clock?: Clock | undefined;
  readonly random?: (() => number) | undefined;
  /** Default: silent. */
  readonly logger?: Logger | undefined;
}

/** Where {@link LocalAureus.start} listens. */
export interface LocalListenOptions {
  /** Default: any free one. */
  readonly port?: number | undefined;
  /** Default: 127.0.0.1. */
  readonly host?: string | undefined;
}

/** An Aureus in this process: hand its `fetch` to a client, or `start` it and use its `url`. */
export class LocalAureus {
  readonly #options: LocalAureusOptions;
  readonly #logger: Logger;
  readonly #faults: Faults;
  readonly #users: ConsoleUsers;
  readonly #state: V1State;
  readonly #decisions = new Map<string, EngineEvent[]>();
  #listening: Listening | undefined;
  #where = { host: "127.0.0.1", port: 0 };

  constructor(options: LocalAureusOptions = {}) {
    const { clock = systemClock } = options;
    this.#options = options;
    this.#logger = safeLogger(options.logger);
    this.#faults = new Faults(clock);
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
      validators: new ValidatorRegistry(options.validators, options.validatorLogic),
      telemetry: new TelemetryStore(options.maxTelemetry ?? 100_000),
      running: new Map(),
      cancelled: new Set(),
    };
  }

  /** The engine behind it: runs workflows without the wire, and tells what it knows of them. */
  get engine(): WorkflowEngine {
    return this.#state.engine;
  }

  /** The GoalGuard behind it, with its audit log. */
  get guard(): Guard {
    return this.#state.guard;
  }

  /** What was reported, in the words of the wire. */
  get telemetry(): TelemetryStore {
    return this.#state.telemetry;
  }

  /** The base URL for clients. Before `start` only {@link LocalAureus.fetch} serves it. */
  get url(): string {
    if (this.#listening === undefined) return "http://localhost";
    return `http://${this.#where.host}:${this.#listening.port}`;
  }

  /** Answers in this process, whatever the host of the URL: pass it to a client as its `fetch`. */
  readonly fetch: typeof fetch = async (input, init) => {
    const request = new Request(input, init);
    const { pathname: path, searchParams: query } = new URL(request.url);
    const headers = Object.fromEntries(request.headers);
    const text = await request.text();
    const work = this.#answer({ method: request.method, path, query, headers, text });
    const answer = await raceSignal(work, init?.signal ?? undefined).catch((error: unknown) => {
      if (error instanceof DroppedConnection) throw new TypeError("fetch failed");
      throw init?.signal?.aborted ? init.signal.reason : error;
    });
    // 204 and 304 must not have a body.
    const body = answer.status === 204 || answer.status === 304 ? null : answer.text;
    return new Response(body, { status: answer.status, headers: answer.headers });
  };

  /** Listens on loopback. Node only. Rejects with an `UnsupportedError` elsewhere, with the system's error on a taken port. */
  async start(options: LocalListenOptions = {}): Promise<void> {
    if (this.#listening !== undefined) return;
    this.#where = { host: options.host ?? "127.0.0.1", port: options.port ?? 0 };
    const limits = { ...this.#where, maxBodyBytes: 10_485_760 };
    this.#listening = await listen((request) => this.#answer(request), limits);
  }

  /**
   * Cuts all connections, ends all logins and listens on the same port again, at the earliest after `downMs`
   * (default 0). Workflows and telemetry stay.
   */
  async restart(options: { readonly downMs?: number } = {}): Promise<void> {
    const { port } = this.#listening ?? { port: 0 };
    const { host } = this.#where;
    await this.close();
    this.#users.forget();
    const { clock } = this.#state;
    if (options.downMs) await new Promise<void>((resolve) => clock.setTimeout(resolve, options.downMs!));
    await this.start({ host, port });
  }

  /** Stops listening, cuts connections and cancels the workflows that run. Repeated calls are fine. */
  async close(): Promise<void> {
    for (const run of this.#state.running.values()) run.abort();
    const listening = this.#listening;
    this.#listening = undefined;
    await listening?.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Orders a fault. The returned function takes it back. */
  fault(fault: AureusFault): () => void {
    return this.#faults.order(fault);
  }

  async #answer(request: LocalRequest): Promise<LocalAnswer> {
    const { v1 = true, console = true } = this.#options;
    const v1Match = v1 ? matchV1(request) : undefined;
    const consoleMatch = console && v1Match === undefined ? matchConsole(request) : undefined;
    return this.#faults.apply(v1Match?.operation ?? consoleMatch?.operation, async () => {
      try {
        if (request.method === "OPTIONS" && console) return { status: 200, headers: {}, text: "OK" };
        if (v1Match !== undefined) {
          if (!this.#hasKey(request)) return json(401, { error: "Unauthorized: Missing or invalid token" });
          return await answerV1(v1Match, request, this.#state);
        }
        const state = { ...this.#state, users: this.#users, decisions: this.#decisions };
        if (consoleMatch !== undefined) return answerConsole(consoleMatch, request, state);
        return v1 && request.path.startsWith("/api/v1/")
          ? json(404, { error: "Not found" })
          : htmlNotFound(request);
      } catch (error) {
        this.#logger.error("the local server failed", { path: request.path, reason: errorText(error) });
        return json(500, { error: "Internal server error", details: errorText(error) });
      }
    });
  }

  #hasKey(request: LocalRequest): boolean {
    const { apiKey } = this.#options;
    return apiKey === undefined || bearer(request) === apiKey;
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
