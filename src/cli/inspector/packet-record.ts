/** A message of the CAP bus as a record: decoded, its rules checked, its signature judged. */
import { createHash } from "node:crypto";
import {
  type BusPacket,
  BusPacketSchema,
  JobStatus,
  SUBJECT_DLQ,
  SUBJECT_HEARTBEAT,
  SUBJECT_PROGRESS,
  SUBJECT_RESULT,
  SUBJECT_SUBMIT,
  SUBJECT_TRUST_AUTHENTICATE,
  SUBJECT_TRUST_CHALLENGE,
} from "../../../gen/cap/index.js";
import { assertDeadLetter } from "../../cap/outcome.js";
import { canonicalBytes, decodePacket, validatePacket } from "../../cap/packet.js";
import { errorText } from "../../core/errors.js";
import type { KeyFiles } from "../key-files.js";
import { diagnose } from "../packet/diagnose.js";
import { messageToJson } from "../packet/packet-json.js";
import type { Observation, Signature, Status } from "./record.js";
import type { Beside } from "./recorder.js";

/** Every subject of CAP. */
export const CAP_SUBJECTS: readonly string[] = ["sys.>", "job.>", "worker.>"];

const STATUS: Readonly<Record<number, Status>> = {
  [JobStatus.SUCCEEDED]: "ok",
  [JobStatus.FAILED]: "failed",
  [JobStatus.FAILED_RETRYABLE]: "failed",
  [JobStatus.CANCELLED]: "cancelled",
  [JobStatus.DENIED]: "denied",
  [JobStatus.TIMEOUT]: "timeout",
};

const TO_SCHEDULER: readonly string[] = [SUBJECT_SUBMIT, SUBJECT_RESULT, SUBJECT_HEARTBEAT, SUBJECT_PROGRESS];

/** What a message is. Bytes that are not a packet are `refused`, with the reason. */
export async function packetRecord(
  subject: string,
  data: Uint8Array,
  keys: KeyFiles,
): Promise<readonly [Observation, Beside]> {
  const about = { type: "message", protocol: "cap", via: "tap", op: subject, bytes: data.length } as const;
  let message: BusPacket;
  try {
    message = decodePacket(data, Infinity);
  } catch (error) {
    const reason = errorText(error);
    return [
      { ...about, status: "refused", code: "malformed", reason, sig: { verdict: "malformed" } },
      { data },
    ];
  }
  const { senderId, traceId, payload } = message;
  const value = (payload.value ?? {}) as Readonly<Record<string, unknown>>;
  const text = (name: string): string | undefined =>
    (typeof value[name] === "string" && value[name]) || undefined;
  const job = text("jobId");
  const sig = await signatureOf(message, data, keys);
  const broken = brokenRule(subject, message);
  const refused = broken !== undefined || !["verified", "unsigned", "not_checked"].includes(sig.verdict);
  const reason = broken ?? text("errorMessage");
  const name = text("topic") ?? (payload.case === "heartbeat" ? text("workerId") : undefined);
  const resent = (value.labels as Readonly<Record<string, string>> | undefined)?.resent_from;
  const ended = payload.case === "jobResult" || subject === SUBJECT_DLQ;
  const key =
    job === undefined ? {} : subject === SUBJECT_SUBMIT ? { opens: `job:${job}` } : { answers: `job:${job}` };
  return [
    {
      ...about,
      from: senderId,
      to: receiverOf(subject, payload.case),
      kind: payload.case,
      ...(name !== undefined && { name }),
      status: refused ? "refused" : statusOf(payload.case, value, ended),
      code: refused
        ? broken !== undefined
          ? "broken_rule"
          : sig.verdict
        : (text("errorCode") ?? text("reasonCode")),
      reason: reason ?? (refused ? sig.text : resent && `resent from #${resent}`),
      ids: { trace: traceId || undefined, job, workflow: text("workflowId"), parent: text("parentJobId") },
      sig,
      body: messageToJson(BusPacketSchema, message).fields,
    },
    { data, ...key },
  ];
}

function receiverOf(subject: string, kind: string | undefined): string | undefined {
  if (TO_SCHEDULER.includes(subject)) return "scheduler";
  return /^worker\.(.+)\.jobs$/.exec(subject)?.[1] ?? (kind === "jobRequest" ? "workers" : undefined);
}

/** The rules of a packet depend on its subject: a dead letter names no worker, a trust phase is not an ordinary packet. */
function brokenRule(subject: string, message: BusPacket): string | undefined {
  if (subject === SUBJECT_TRUST_CHALLENGE || subject === SUBJECT_TRUST_AUTHENTICATE) return undefined;
  if (subject === SUBJECT_DLQ) {
    try {
      assertDeadLetter(message);
    } catch (error) {
      return errorText(error);
    }
    return undefined;
  }
  const issues = validatePacket(message);
  return issues.length === 0
    ? undefined
    : issues.map(({ field, message }) => `${field}: ${message}`).join("; ");
}

function statusOf(
  kind: string | undefined,
  value: Readonly<Record<string, unknown>>,
  ended: boolean,
): Status {
  if (ended) return STATUS[value.status as number] ?? "failed";
  return kind === "jobRequest" ? "pending" : "ok";
}

async function signatureOf(message: BusPacket, data: Uint8Array, keys: KeyFiles): Promise<Signature> {
  const digest = createHash("sha256").update(canonicalBytes(message).bytes).digest("hex");
  const about = { sender: message.senderId, digest };
  if (keys.size === 0)
    return { verdict: message.signature.length === 0 ? "unsigned" : "not_checked", ...about };
  const { ok, problem, text, advice, signedOver } = await diagnose(data, keys);
  if (problem === "broken_rule") return { verdict: "verified", ...about }; // the record itself has the rule
  return { verdict: ok ? "verified" : problem!, text, advice, order: signedOver, ...about };
}
