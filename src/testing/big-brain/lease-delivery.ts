/** A lease on its way to the stream, with whatever is to go wrong there. */
import type { LeaseFrame } from "../../../gen/neuron/index.js";
import { formatTime } from "../../core/time.js";
import type { EventStream } from "./event-stream.js";
import { faultOf } from "./fault-script.js";
import type { Gateway } from "./gateway.js";
import type { Task } from "./task-board.js";
import type { LeaseRecord } from "./types.js";

/** Writes a lease frame, or lets the faults do their work. */
export function deliverLease(gateway: Gateway, stream: EventStream, lease: LeaseRecord, task: Task): void {
  const frame = leaseFrame(lease, task);
  const struck = gateway.faults.strike("lease", stream.neuronId);
  const write = (): void => {
    const split = faultOf(struck, "split");
    if (split) void stream.sendInPieces(frame, split.bytes);
    else stream.send(frame);
    if (faultOf(struck, "duplicate")) stream.send(frame);
    gateway.emitter.emit("lease", lease);
    const cancel = faultOf(struck, "cancel");
    if (cancel) {
      const { afterMs = 0, reason = "cancelled by the fault script" } = cancel;
      gateway.clock.setTimeout(() => gateway.board.cancel(task.taskId, reason), afterMs, { unref: true });
    }
    const drop = faultOf(struck, "drop-stream");
    if (drop) stream.end(drop.how ?? "reset");
    const restart = faultOf(struck, "restart");
    if (restart) void gateway.restart({ downMs: restart.downMs ?? 0 });
  };
  const delay = faultOf(struck, "delay");
  if (delay) gateway.clock.setTimeout(write, delay.delayMs, { unref: true });
  else write();
}

function leaseFrame(lease: LeaseRecord, { spec }: Task): LeaseFrame {
  const { input = null, workflowId = "workflow-1", onBehalfOf, metadata, inputSchema, outputSchema } = spec;
  return {
    type: "lease",
    lease: {
      leaseId: lease.leaseId,
      expiresAt: formatTime(lease.expiresAtMs),
      task: {
        taskId: lease.taskId,
        workflowId,
        capability: lease.capability,
        ...(onBehalfOf !== undefined && { onBehalfOf }),
        input,
        attempt: lease.attempt,
        ...(metadata !== undefined && { metadata }),
      },
      ...(inputSchema !== undefined && { inputSchema }),
      ...(outputSchema !== undefined && { outputSchema }),
    },
    sentAt: formatTime(lease.sentAtMs),
  };
}
