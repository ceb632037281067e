/**
 * A BigBrain gateway for tests, demos and local development: the event stream, the six POSTs with strict checks, a
 * queue of tasks, leases that expire, and faults on demand. It stores nothing.
 */
import { operationTable, type ServerToNeuronFrame } from "../../gen/neuron/index.js";
import { ClosedError } from "../core/errors.js";
import { type Loop, startLoop } from "../core/loop.js";
import { Endpoints } from "./big-brain/endpoints.js";
import type { BigBrainFault } from "./big-brain/faults.js";
import { Gateway } from "./big-brain/gateway.js";
import type {
  BigBrainEvents,
  LeaseRecord,
  LocalBigBrainOptions,
  RefusedRequest,
  Registration,
  TaskOutcome,
  TaskSubmission,
} from "./big-brain/types.js";
import { runWorkflow, type WorkflowDefinition, type WorkflowResult } from "./big-brain/workflow.js";
import type { HttpAnswer } from "./http/answer.js";
import { type LocalRequest, LocalServer } from "./http/local-server.js";

/** What a gateway has seen so far. */
export interface BigBrainStats {
  /** Leases given out. */
  readonly leases: number;
  /** Those with an answer. */
  readonly answered: number;
  /** Those that still await one. */
  readonly open: number;
  /** Those that were given out again before an answer came, and have none yet. */
  readonly lost: number;
  /** Those with two different answers. */
  readonly answeredTwice: number;
  /** Answers that were sent again unchanged. */
  readonly repeats: number;
  /** Tasks without an outcome. */
  readonly pendingTasks: number;
}

/** A gateway in this process. */
export class LocalBigBrain extends LocalServer<BigBrainFault, BigBrainEvents> {
  readonly #gateway: Gateway;
  readonly #endpoints: Endpoints;
  readonly #ends = new Set<(reason: ClosedError) => void>();
  #reaper: Loop | undefined;

  private constructor(options: LocalBigBrainOptions) {
    const operations = Object.values(operationTable);
    super(options, {
      what: "the local BigBrain",
      operations,
      maxBodyBytes: options.maxBodyBytes ?? 4_194_304,
    });
    const restart = (how: { downMs?: number | undefined }): Promise<void> => this.restart(how);
    this.#gateway = new Gateway(options, this.clock, this.emitter, this.faults, restart);
    this.#endpoints = new Endpoints(this.#gateway);
  }

  /** Rejects with a `ConnectionError` if the port is taken, with an `UnsupportedError` where there are no ports. */
  static async start(options: LocalBigBrainOptions = {}): Promise<LocalBigBrain> {
    const brain = await new LocalBigBrain(options).listen();
    brain.#reaper = startLoop({
      name: "lease reaper",
      intervalMs: options.reapIntervalMs ?? 1_000,
      run: () => brain.#gateway.board.reap(),
      clock: brain.clock,
      logger: options.logger,
      unref: true,
    });
    return brain;
  }

  get env(): Readonly<Record<string, string>> {
    const { tokens } = this.#gateway.options;
    const token = Array.isArray(tokens) ? (tokens[0] as string) : "local-token";
    return { BIGBRAIN_GATEWAY_URL: this.url, BIGBRAIN_NEURON_ID: "neuron-1", BIGBRAIN_TOKEN: token };
  }

  /** Every lease that is remembered, oldest first. */
  get leases(): readonly LeaseRecord[] {
    return this.#gateway.leases.all();
  }

  /** Every request that broke a rule. */
  get refused(): readonly RefusedRequest[] {
    return this.#gateway.refused;
  }

  /** What a neuron has registered; kept when its stream ends. */
  registration(neuronId: string): Registration | undefined {
    return this.#gateway.registrations.get(neuronId);
  }

  /** True while a neuron has an open stream. */
  isConnected(neuronId: string): boolean {
    return this.#gateway.streams.get(neuronId)?.open ?? false;
  }

  /** The next event of a name that `wanted` likes. Rejects with a `ClosedError` when the gateway closes first. */
  until<Name extends keyof BigBrainEvents>(
    event: Name,
    wanted: (payload: BigBrainEvents[Name]) => boolean = () => true,
  ): Promise<BigBrainEvents[Name]> {
    return new Promise((resolve, reject) => {
      const off = this.#gateway.emitter.on(event, (payload) => {
        if (!wanted(payload)) return;
        off();
        this.#ends.delete(reject);
        resolve(payload);
      });
      this.#ends.add(reject);
    });
  }

  /**
   * Puts a task into the queue; resolves with its outcome, which is `abandoned` when the gateway closes first.
   * Throws a `ConflictError` for an id that is taken.
   */
  submit(task: TaskSubmission): Promise<TaskOutcome> {
    return this.#gateway.board.submit(task);
  }

  /**
   * Runs a workflow to its end. Rejects with a `ValidationError` before anything runs: code `INVALID_TASK_ID`,
   * `UNKNOWN_DEPENDENCY` (also for a task that waits for itself), or `INVALID_CONTEXT_PATH_ROOT`.
   */
  async runWorkflow(definition: WorkflowDefinition): Promise<WorkflowResult> {
    return runWorkflow((task) => this.submit(task), definition);
  }

  /** Cancels a task: at once while it waits, by a cancel frame while it is leased. False when it has ended. */
  cancel(taskId: string, reason = "cancelled by the workflow"): boolean {
    return this.#gateway.board.cancel(taskId, reason);
  }

  /** Turns a capability down with `CAPABILITY_DENIED` from the next registration on. */
  deny(type: string): void {
    this.#gateway.admission.set(type, "CAPABILITY_DENIED");
  }

  /** Turns a capability down with `CAPABILITY_PENDING_APPROVAL` until it is approved. */
  holdForApproval(type: string): void {
    this.#gateway.admission.set(type, "CAPABILITY_PENDING_APPROVAL");
  }

  /** Lets a capability in. */
  approve(type: string): void {
    this.#gateway.admission.delete(type);
  }

  /** Takes a capability away from every neuron that serves it. */
  revoke(type: string, reason = "revoked by the operator"): void {
    for (const stream of this.#gateway.streams.values()) {
      if (!stream.served.delete(type)) continue;
      stream.send({ type: "capability-revoked", capability: type, reason, revokedAt: this.#gateway.time() });
    }
  }

  /** Writes a disconnect frame to a neuron and ends its stream. False when it has none. */
  disconnect(neuronId: string, options: { reason?: string; code?: string; reconnectable?: boolean } = {}) {
    const { reason = "the gateway goes down", code, reconnectable = true } = options;
    const extra = code === undefined ? {} : { code };
    const frame = {
      type: "disconnect" as const,
      reason,
      reconnectable,
      sentAt: this.#gateway.time(),
      ...extra,
    };
    if (!this.send(neuronId, frame)) return false;
    this.#gateway.streams.get(neuronId)?.end("end");
    return true;
  }

  /** Writes any frame, or any text as it is, to the stream of a neuron. False when it has none. */
  send(neuronId: string, what: ServerToNeuronFrame | string | Uint8Array): boolean {
    return this.#gateway.send(neuronId, what);
  }

  /** Ends the stream of one neuron, or of all: cut off (default) or in order. Returns how many. */
  dropStreams(options: { neuronId?: string; how?: "end" | "drop" } = {}): number {
    const { neuronId, how = "drop" } = options;
    const hit = [...this.#gateway.streams.values()].filter(
      (at) => neuronId === undefined || at.neuronId === neuronId,
    );
    for (const stream of hit) stream.end(how);
    return hit.length;
  }

  /** What has been seen so far, counted over the leases that are remembered. */
  stats(): BigBrainStats {
    const all = this.leases;
    const count = (test: (lease: LeaseRecord) => boolean): number => all.filter(test).length;
    return {
      leases: all.length,
      answered: count(({ answers }) => answers.length > 0),
      open: count(({ state }) => state === "open"),
      lost: count(({ state }) => state === "lost"),
      answeredTwice: count(({ answers }) => answers.length > 1),
      repeats: all.reduce((sum, { repeats }) => sum + repeats, 0),
      pendingTasks: this.#gateway.board.pending,
    };
  }

  protected override async stopIntake(): Promise<void> {
    await this.#reaper?.stop();
    this.#gateway.board.close();
    this.dropStreams({ how: "end" });
    for (const reject of this.#ends) reject(new ClosedError("the gateway is closed"));
    this.#ends.clear();
  }

  protected override isStruck({ neuronId }: BigBrainFault, request: LocalRequest): boolean {
    return neuronId === undefined || neuronId === this.#endpoints.neuronOf(request);
  }

  protected override async answerUnder(
    fault: BigBrainFault | undefined,
    request: LocalRequest,
  ): Promise<HttpAnswer> {
    if (fault?.kind !== "drop-stream") return super.answerUnder(fault, request);
    const answer = await this.answer(request);
    this.#gateway.streams.get(this.#endpoints.neuronOf(request) ?? "")?.end(fault.how ?? "drop");
    return answer;
  }

  protected override answer(request: LocalRequest): HttpAnswer | Promise<HttpAnswer> {
    return this.#endpoints.answer(request);
  }
}
