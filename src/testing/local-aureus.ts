/**
 * A small Aureus for demos, tests and local development: V1 with the semantics of the real engine, and the login,
 * workflow and approval part of the console. For one machine; it stores nothing.
 */
import type { OperationId, Principal, TaskSpec } from "../../gen/aureus/v1/index.js";
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
import { answerConsole, type LocalConsoleOperation, matchConsole } from "./aureus/console-routes.js";
import { bearer, ConsoleUsers, defaultUser, type LocalUser } from "./aureus/console-users.js";
import { htmlNotFound, isJson, type LocalRequest, readRequest } from "./aureus/exchange.js";
import { TelemetryStore } from "./aureus/telemetry-store.js";
import { answerV1, matchV1, type V1State } from "./aureus/v1-routes.js";
import { type ValidatorLogic, ValidatorRegistry } from "./aureus/validator-registry.js";
import { type HttpAnswer, json, send } from "./http/answer.js";
import { DroppedConnection, FaultScript, type HttpFault, withFault } from "./http/faults.js";
import { type Exchanges, exchanges, type Observation } from "./http/observe.js";
import { LoopbackServer } from "./http/server.js";

/** A fault of {@link LocalAureus}, at an operation of V1 or of the console part. */
export type AureusFault = HttpFault<OperationId | LocalConsoleOperation>;

const MAX_BODY_BYTES = 10_485_760;

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
  /** What goes wrong on purpose. More can be added to `LocalAureus.faults`. */
  readonly faults?: readonly AureusFault[] | undefined;
  /** Called with every request, response and event of a stream that goes over the server. Default: none. */
  readonly observe?: ((observation: Observation) => void) | undefined;
  readonly clock?: Clock | undefined;
  readonly random?: (() => number) | undefined;
  /** `false` for silence. Default: the console, at the level of `AGENTWIRE_LOG` (`warn`). */
  readonly logger?: Logger | false | undefined;
}

/** Where {@link LocalAureus.start} listens. */
export interface LocalListenOptions {
  /** Default: any free one. */
  readonly port?: number | undefined;
  /** Default: 127.0.0.1. Another one than this machine's own lets any host, page and program call. */
  readonly host?: string | undefined;
  /** Origins whose pages may call it, such as `https://app.example`. Default: those of this machine alone. */
  readonly origins?: readonly string[] | undefined;
}

/** An Aureus in this process: hand its `fetch` to a client, or `start` it and use its `url`. */
export class LocalAureus {
  /** What goes wrong on purpose. */
  readonly faults = new FaultScript<AureusFault>();
  readonly #options: LocalAureusOptions;
  readonly #logger: Logger;
  readonly #users: ConsoleUsers;
  readonly #state: V1State;
  readonly #decisions = new Map<string, EngineEvent[]>();
  readonly #exchanges: Exchanges;
  #server: LoopbackServer | undefined;

  constructor(options: LocalAureusOptions = {}) {
    const { clock = systemClock } = options;
    this.#options = options;
    this.#logger = safeLogger(options.logger);
    this.faults.add(...(options.faults ?? []));
    this.#exchanges = exchanges({ ...options, clock });
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
    return this.#server?.url ?? "http://localhost";
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
    const body = answer.status === 204 || answer.status === 304 ? null : (answer.text ?? null);
    return new Response(body, { status: answer.status, headers: answer.headers });
  };

  /**
   * Listens on loopback. Rejects with an `UnsupportedError` anywhere but on Node, with a `ConnectionError` when the
   * port is taken.
   */
  async start(options: LocalListenOptions = {}): Promise<void> {
    if (this.#server !== undefined) return;
    const { clock } = this.#state;
    const server = new LoopbackServer(
      async (request, response) => {
        const read = await readRequest(request, MAX_BODY_BYTES);
        const answer = refusal(read) ?? (await this.#answer(read!));
        await send(response, answer, clock);
      },
      { ...options, clock, logger: this.#logger },
    );
    this.#server = server;
    try {
      await server.start();
    } catch (error) {
      this.#server = undefined;
      throw error;
    }
  }

  /**
   * Cuts all connections, ends all logins and listens on the same port again `downMs` later (default: at once).
   * Workflows that run are cancelled; what is known of them stays, and so does telemetry.
   */
  async restart(options: { readonly downMs?: number | undefined } = {}): Promise<void> {
    this.#cancelAll();
    this.#users.forget();
    await this.#server?.restart(options);
  }

  /** Stops listening, cuts connections and cancels the workflows that run. Repeated calls are fine. */
  async close(): Promise<void> {
    this.#cancelAll();
    const server = this.#server;
    this.#server = undefined;
    await server?.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #cancelAll(): void {
    for (const run of this.#state.running.values()) run.abort();
  }

  async #answer(request: LocalRequest): Promise<HttpAnswer> {
    const { v1 = true, console = true } = this.#options;
    const v1Match = v1 ? matchV1(request) : undefined;
    const consoleMatch = console && v1Match === undefined ? matchConsole(request) : undefined;
    const operation = v1Match?.operation ?? consoleMatch?.operation;
    const fault = this.faults.next(operation);
    const { method, query, headers, text } = request;
    const path = query.size > 0 ? `${request.path}?${query}` : request.path;
    const exchange = this.#exchanges(operation, { method, path, headers, body: text });
    const work = async (): Promise<HttpAnswer> => {
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
    };
    const answer = await withFault(fault, work, {
      clock: this.#state.clock,
      faultBody: () => ({ error: "fault" }),
      restart: (how) => this.restart(how),
    }).catch((error: unknown) => {
      exchange({ type: "end" });
      throw error;
    });
    exchange({ type: "response", ...answer, body: answer.text ?? "" });
    return answer;
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

/** Why a request over a socket is not looked at: a page may send other media types without asking. */
function refusal(read: LocalRequest | undefined): HttpAnswer | undefined {
  if (read === undefined) return json(413, { error: "Payload too large" });
  if (read.text === "" || isJson(read)) return undefined;
  return json(415, { error: "Unsupported media type: send application/json" });
}
