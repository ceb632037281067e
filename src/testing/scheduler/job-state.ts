/** The states of a job in a scheduler, and the moves between them (CAP spec 04; the store of Cordum's scheduler). */
import { JobStatus } from "../../../gen/cap/index.js";

/** Where a job stands. `APPROVAL_REQUIRED` exists in the scheduler only, never on the wire. */
export type JobState =
  | "PENDING"
  | "APPROVAL_REQUIRED"
  | "SCHEDULED"
  | "DISPATCHED"
  | "RUNNING"
  | "SUCCEEDED"
  | "FAILED"
  | "CANCELLED"
  | "DENIED"
  | "TIMEOUT";

const MOVES: Readonly<Record<JobState, readonly JobState[]>> = {
  PENDING: [
    "APPROVAL_REQUIRED",
    "SCHEDULED",
    "DISPATCHED",
    "RUNNING",
    "DENIED",
    "FAILED",
    "TIMEOUT",
    "CANCELLED",
  ],
  APPROVAL_REQUIRED: ["PENDING", "SCHEDULED", "DENIED", "FAILED", "TIMEOUT", "CANCELLED"],
  SCHEDULED: ["DISPATCHED", "RUNNING", "DENIED", "FAILED", "TIMEOUT", "SUCCEEDED", "CANCELLED"],
  DISPATCHED: ["RUNNING", "SUCCEEDED", "FAILED", "CANCELLED", "TIMEOUT"],
  RUNNING: ["SUCCEEDED", "FAILED", "CANCELLED", "TIMEOUT"],
  SUCCEEDED: [],
  FAILED: [],
  CANCELLED: [],
  DENIED: [],
  TIMEOUT: [],
};

/** Whether a job may go from one state to another. The same state again is not a move. */
export function mayMove(from: JobState, to: JobState): boolean {
  return MOVES[from].includes(to);
}

/** Whether a job has ended. */
export function isTerminal(state: JobState): boolean {
  return MOVES[state].length === 0;
}

/** The number of a state on the wire; a job that waits for approval counts as PENDING. */
export function statusOf(state: JobState): JobStatus {
  return state === "APPROVAL_REQUIRED" ? JobStatus.PENDING : JobStatus[state];
}

/**
 * The state that a worker's result asks for: that of its status where it is an end, FAILED for every other
 * number, unknown ones included.
 */
export function stateOfResult(status: JobStatus): JobState {
  switch (status) {
    case JobStatus.SUCCEEDED:
      return "SUCCEEDED";
    case JobStatus.CANCELLED:
      return "CANCELLED";
    case JobStatus.DENIED:
      return "DENIED"; // no move leads there from RUNNING: the job stays as it is
    case JobStatus.TIMEOUT:
      return "TIMEOUT";
    default:
      return "FAILED";
  }
}
