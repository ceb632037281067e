/** Sending a record again, from the page or from a capture. */
import { fromJson, type JsonValue, toBinary } from "@bufbuild/protobuf";
import { type BusPacket, BusPacketSchema, SUBJECT_SUBMIT } from "../../../gen/cap/index.js";
import { decodePacket } from "../../cap/packet.js";
import { errorText, UnsupportedError, ValidationError } from "../../core/errors.js";
import { uuid } from "../../core/ids.js";
import { readBytes } from "../input.js";
import { type CaptureRecord, parseCapture } from "../inspector/record.js";

/** How records go out again. */
export interface Senders {
  publish(subject: string, data: Uint8Array): Promise<void>;
  task(name: string, input: unknown): unknown;
  readonly env: Readonly<Record<string, string>>;
}

/**
 * Sends again what a client sent: a job and a task get new ids, a request goes out as it was. `data` are its bytes, where
 * they are known; without them the body of the record is sent.
 *
 * @throws UnsupportedError for a record that cannot be sent again, which says why
 */
export async function resend(
  record: CaptureRecord,
  data: Uint8Array | undefined,
  { publish, task, env }: Senders,
): Promise<unknown> {
  const {
    protocol,
    op,
    kind,
    type,
    name = "",
    body,
    target = "",
    headers = {},
    seq,
    masked = [],
    cut,
  } = record;
  const hidden = masked.some((pointer) => pointer.startsWith("/body")) || cut !== undefined;
  if (hidden && data === undefined)
    throw new UnsupportedError("parts of its body are masked or were left out");
  if (protocol === "cap" && kind === "jobRequest" && op === SUBJECT_SUBMIT) {
    const packet = data === undefined ? fromJson(BusPacketSchema, body as JsonValue) : decodePacket(data);
    const jobId = renewJob(packet, seq);
    await publish(op, toBinary(BusPacketSchema, packet));
    return { job: jobId };
  }
  if (protocol === "neuron" && type === "event" && kind === "lease") {
    const { lease } = body as { readonly lease: { readonly task: { readonly input: unknown } } };
    return task(name, lease.task.input);
  }
  const base = protocol === "aureus" ? env.AUREUS_URL : protocol === "4runr" ? env.GATEWAY_URL : undefined;
  if (type !== "request" || base === undefined) {
    throw new UnsupportedError("only jobs, leases and requests to Aureus and 4Runr can be sent again");
  }
  if (headers.authorization !== undefined) {
    throw new UnsupportedError("its credentials were not kept");
  }
  const [method = "GET", path = "/"] = target.split(" ");
  const payload = data === undefined ? JSON.stringify(body) : Buffer.from(data);
  const response = await fetch(`${base}${path}`, {
    method,
    headers: {
      "content-type": headers["content-type"] ?? "application/json",
      "x-agentwire-resent": String(seq),
    },
    ...(method === "GET" || method === "HEAD" || body === undefined ? {} : { body: payload }),
  });
  return { http: response.status };
}

/** Gives a job a new id, which its signature does not cover. */
function renewJob({ payload, signature }: BusPacket, seq: number): string {
  if (payload.case !== "jobRequest") throw new UnsupportedError("only jobs can be submitted again");
  if (signature.length > 0) {
    throw new UnsupportedError("a signed job cannot get a new id without the key of its sender");
  }
  payload.value.jobId = `job-${uuid()}`;
  payload.value.labels.resent_from = String(seq);
  return payload.value.jobId;
}

/** What clients sent: everything else in a capture follows from it. */
const isSent = ({ protocol, op, type, kind, attempt = 0 }: CaptureRecord): boolean =>
  (protocol === "cap" && op === SUBJECT_SUBMIT) ||
  (protocol === "neuron" && type === "event" && kind === "lease" && attempt === 0) ||
  ((protocol === "aureus" || protocol === "4runr") && type === "request");

/** Sends the jobs, tasks and requests of a capture again, in order, and logs what cannot be sent. */
export async function replayCapture(
  path: string,
  send: (record: CaptureRecord, data: Uint8Array | undefined) => Promise<unknown>,
  log: (part: string, text: string) => void,
): Promise<void> {
  let records: CaptureRecord[];
  try {
    records = parseCapture(new TextDecoder().decode(await readBytes(path)));
  } catch (error) {
    throw new ValidationError(`${path} is not a capture: ${errorText(error)}`, { code: "BAD_INPUT" });
  }
  const wanted = records.filter(isSent);
  let sent = 0;
  for (const record of wanted) {
    const { raw, seq, protocol, op } = record;
    await send(record, raw === undefined ? undefined : new Uint8Array(Buffer.from(raw, "base64"))).then(
      () => sent++,
      (error: unknown) =>
        log("replay", `#${seq} ${protocol} ${op ?? ""} is not sent again: ${errorText(error)}`),
    );
  }
  log("replay", `sent ${sent} of ${wanted.length} again`);
}
