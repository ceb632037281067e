/** A lease on its way to the stream, with whatever is to go wrong there. */
import type { LeaseFrame } from "../../../gen/neuron/index.js";
import { formatTime } from "../../core/time.js";
import { malformed } from "../http/faults.js";
import type { EventStream } from "./event-stream.js";
import type { BigBrainFault } from "./faults.js";
import type { Gateway } from "./gateway.js";
import type { Task } from "./task-board.js";
import type { LeaseRecord } from "./types.js";

/** Writes a lease frame, or lets the faults do their work. */
export function deliverLease(gateway: Gateway, stream: EventStream, lease: LeaseRecord, task: Task): void {
  const frame = leaseFrame(lease, task);
  const { neuronId } = stream;
  const fault = gateway.faults.next("lease", (of) => of.neuronId === undefined || of.neuronId === neuronId);
  if (fault?.kind === "drop" && fault.when !== "after") return stream.end("drop");
  const write = (): void => {
    if (fault?.kind === "split") void stream.sendInPieces(frame, fault, gateway.clock);
    else if (fault?.kind === "malformed") stream.write(`data: ${malformed(JSON.stringify(frame))}\n\n`);
    else stream.send(frame);
    gateway.emitter.emit("lease", lease);
    if (fault !== undefined) strikeAfter(gateway, stream, fault, task, frame);
  };
  if (fault?.kind === "delay") gateway.clock.setTimeout(write, fault.delayMs, { unref: true });
  else write();
}

function strikeAfter(
  gateway: Gateway,
  stream: EventStream,
  fault: BigBrainFault,
  { taskId }: Task,
  frame: LeaseFrame,
): void {
  switch (fault.kind) {
    case "duplicate":
      return stream.send(frame);
    case "cancel": {
      const { afterMs = 0, reason = "cancelled by the fault script" } = fault;
      gateway.clock.setTimeout(() => gateway.board.cancel(taskId, reason), afterMs, { unref: true });
      return;
    }
    case "drop":
      return stream.end("drop");
    case "drop-stream":
      return stream.end(fault.how ?? "drop");
    case "restart":
      void gateway.restart({ downMs: fault.downMs });
  }
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
