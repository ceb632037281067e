/** What a gateway holds: streams, registrations, tasks, leases. It outlives a restart. */
import type { ServerToNeuronFrame } from "../../../gen/neuron/index.js";
import type { Clock } from "../../core/clock.js";
import type { Emitter } from "../../core/emitter.js";
import { formatTime } from "../../core/time.js";
import type { FaultScript } from "../http/faults.js";
import type { EventStream } from "./event-stream.js";
import type { BigBrainFault } from "./faults.js";
import { LeaseStore } from "./lease-store.js";
import { TaskBoard } from "./task-board.js";
import type {
  BigBrainEvents,
  LeaseRecord,
  LocalBigBrainOptions,
  RefusedRequest,
  Registration,
} from "./types.js";

/** Why a capability is not let in. */
export type Bar = "CAPABILITY_DENIED" | "CAPABILITY_PENDING_APPROVAL";

/** The state of a gateway, without its port. */
export class Gateway {
  readonly leases: LeaseStore;
  readonly board: TaskBoard;
  readonly refused: RefusedRequest[] = [];
  readonly streams = new Map<string, EventStream>();
  readonly registrations = new Map<string, Registration>();
  readonly admission = new Map<string, Bar>();

  constructor(
    readonly options: LocalBigBrainOptions,
    readonly clock: Clock,
    readonly emitter: Emitter<BigBrainEvents>,
    readonly faults: FaultScript<BigBrainFault>,
    /** Takes the port down and up again. */
    readonly restart: (options: { downMs?: number | undefined }) => Promise<void>,
  ) {
    this.leases = new LeaseStore(options.remember ?? 100_000);
    this.board = new TaskBoard(this);
  }

  /** The time now, as frames carry it. */
  time(): string {
    return formatTime(this.clock.now());
  }

  /** Writes to the stream of a neuron. False when it has none. */
  send(neuronId: string, what: ServerToNeuronFrame | string | Uint8Array): boolean {
    const stream = this.streams.get(neuronId);
    if (stream === undefined || !stream.open) return false;
    if (typeof what === "string" || what instanceof Uint8Array) stream.write(what);
    else stream.send(what);
    return true;
  }

  /** Writes the cancel frame of a lease, if its neuron has a stream. */
  sendCancel(lease: LeaseRecord, reason: string): void {
    const { leaseId, neuronId } = lease;
    if (!this.send(neuronId, { type: "cancel", leaseId, reason, cancelledAt: this.time() })) return;
    lease.cancelledAtMs = this.clock.now();
  }
}
