/**
 * The rules every packet must keep, checked before it is sent and after it was received (CAP spec 02; the
 * verdicts and texts are those of cap-sdk-python 2.17.0).
 */
import type {
  BusPacket,
  JobCancel,
  JobProgress,
  JobRequest,
  JobResult,
  SystemAlert,
} from "../../gen/cap/index.js";
import {
  AlertSeverity,
  ErrorCode,
  JobPriority,
  JobStatus,
  MAX_BUDGET_TOKENS,
  MAX_MAP_ENTRIES,
  PROTOCOL_VERSION,
} from "../../gen/cap/index.js";

/** One broken rule. */
export interface PacketIssue {
  /** Path in the names of the proto files, such as `budget.deadline_ms`. */
  readonly field: string;
  readonly message: string;
}

class Issues {
  readonly found: PacketIssue[] = [];

  check(holds: boolean, field: string, message: string): void {
    if (!holds) this.found.push({ field, message });
  }

  filled(value: string, field: string): void {
    this.check(value !== "", field, "must not be empty");
  }

  sameSender(id: string, senderId: string, field: string): void {
    this.check(id === senderId, field, "must equal sender_id");
  }

  bounded(size: number, field: string): void {
    if (size > MAX_MAP_ENTRIES) this.check(false, field, `exceeds max size (${MAX_MAP_ENTRIES})`);
  }

  tokens(value: bigint, field: string): void {
    this.notNegative(value, field);
    if (value > MAX_BUDGET_TOKENS) this.check(false, field, `exceeds max (${MAX_BUDGET_TOKENS})`);
  }

  notNegative(value: number | bigint, field: string): void {
    this.check(value >= 0, field, "must not be negative");
  }
}

/** What is wrong with a packet; an empty list means it may travel. */
export function validatePacket(packet: BusPacket): PacketIssue[] {
  const issues = new Issues();
  issues.filled(packet.traceId, "trace_id");
  issues.filled(packet.senderId, "sender_id");
  issues.check(
    packet.protocolVersion === PROTOCOL_VERSION,
    "protocol_version",
    `must equal ${PROTOCOL_VERSION}`,
  );
  issues.check(packet.createdAt !== undefined, "created_at", "must not be nil");
  checkPayload(issues, packet);
  return issues.found;
}

function checkPayload(issues: Issues, { payload, senderId }: BusPacket): void {
  switch (payload.case) {
    case undefined:
      return issues.check(false, "payload", "must not be nil");
    case "jobRequest":
      return checkJobRequest(issues, payload.value);
    case "jobResult":
      checkJobResult(issues, payload.value);
      return issues.sameSender(payload.value.workerId, senderId, "job_result.worker_id");
    case "heartbeat":
      return issues.sameSender(payload.value.workerId, senderId, "heartbeat.worker_id");
    case "alert":
      return checkAlert(issues, payload.value, senderId);
    case "jobProgress":
      return checkJobProgress(issues, payload.value);
    case "jobCancel":
      return checkJobCancel(issues, payload.value);
    case "handshake":
      return issues.sameSender(payload.value.componentId, senderId, "handshake.component_id");
    default:
      // The four phases of the worker trust exchange have rules of their own and never travel as ordinary packets.
      return issues.check(false, "payload", "is a worker trust phase, which is not an ordinary packet");
  }
}

function checkJobRequest(issues: Issues, request: JobRequest): void {
  issues.filled(request.jobId, "job_id");
  issues.filled(request.topic, "topic");
  const { priority, meta, budget } = request;
  if (!(priority >= 0 && priority <= JobPriority.CRITICAL))
    issues.check(false, "priority", `invalid value ${priority}`);
  issues.notNegative(request.stepIndex, "step_index");
  if (meta !== undefined) {
    issues.bounded(meta.riskTags.length, "meta.risk_tags");
    issues.bounded(meta.requires.length, "meta.requires");
  }
  issues.bounded(Object.keys(request.labels).length, "labels");
  if (budget === undefined) return;
  issues.tokens(budget.maxInputTokens, "budget.max_input_tokens");
  issues.tokens(budget.maxOutputTokens, "budget.max_output_tokens");
  issues.tokens(budget.maxTotalTokens, "budget.max_total_tokens");
  issues.notNegative(budget.deadlineMs, "budget.deadline_ms");
}

function checkJobResult(issues: Issues, result: JobResult): void {
  issues.filled(result.jobId, "job_id");
  issues.check(result.status !== JobStatus.UNSPECIFIED, "status", "must not be UNSPECIFIED");
  issues.filled(result.workerId, "worker_id");
  issues.notNegative(result.executionMs, "execution_ms");
}

function checkJobProgress(issues: Issues, progress: JobProgress): void {
  issues.filled(progress.jobId, "job_progress.job_id");
  issues.check(progress.percent >= 0 && progress.percent <= 100, "job_progress.percent", "must be 0..100");
  issues.check(JobStatus[progress.status] !== undefined, "job_progress.status", "is invalid");
}

function checkJobCancel(issues: Issues, cancel: JobCancel): void {
  issues.filled(cancel.jobId, "job_cancel.job_id");
  issues.filled(cancel.requestedBy, "job_cancel.requested_by");
}

function checkAlert(issues: Issues, alert: SystemAlert, senderId: string): void {
  issues.filled(alert.message, "alert.message");
  if (!alert.severity && !alert.errorCodeEnum && !alert.sourceComponent) {
    issues.filled(alert.level, "alert.level");
    issues.filled(alert.component, "alert.component");
    issues.filled(alert.code, "alert.code");
    return;
  }
  const { severity, errorCodeEnum } = alert;
  issues.check(severity > 0 && AlertSeverity[severity] !== undefined, "alert.severity", "must be specified");
  issues.check(
    errorCodeEnum > 0 && ErrorCode[errorCodeEnum] !== undefined,
    "alert.error_code_enum",
    "must be specified",
  );
  issues.check(alert.sourceComponent === senderId, "alert.source_component", "must equal sender_id");
}
