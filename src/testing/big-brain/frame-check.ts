/** Frames of a neuron, held against the schemas of the spec and the rules that no schema says. */
import type { Capability, ClientFrame, OperationId, SchemaName } from "../../../gen/neuron/index.js";
import { membersSince, schemaDocument } from "../../../gen/neuron/index.js";
import { ajvValidator } from "../../core/ajv-validator.js";
import { errorText } from "../../core/errors.js";
import { parseJson } from "../../core/json.js";
import { parseTime } from "../../core/time.js";
import type { CompiledSchema } from "../../core/validate.js";

/** The operations that carry a frame. */
export type PostOperation = Exclude<OperationId, "openEvents">;

const SCHEMA_OF: Readonly<Record<PostOperation, SchemaName>> = {
  register: "RegisterFrame",
  updateCapability: "UpdateCapabilityFrame",
  heartbeat: "HeartbeatFrame",
  ack: "AckFrame",
  nack: "NackFrame",
  progress: "ProgressFrame",
};

const TIMES = ["sentAt", "completedAt", "failedAt"] as const;

/** A frame, or why it is not one. */
export type CheckedFrame =
  | { readonly ok: true; readonly frame: ClientFrame }
  | { readonly ok: false; readonly message: string; readonly body: unknown };

/** Judges bodies; made once for a gateway. */
export interface FrameChecker {
  /** Judges the body of one operation. `protocol` 1.0.0 refuses the members that came later. */
  check(operation: PostOperation, text: string, protocol: "1.0.0" | "1.1.0"): CheckedFrame;
}

/** Compiles the schemas of all frames. */
export async function frameChecker(): Promise<FrameChecker> {
  const validator = ajvValidator({ allErrors: true });
  const compiled = new Map<PostOperation, CompiledSchema>();
  for (const [operation, name] of Object.entries(SCHEMA_OF) as [PostOperation, SchemaName][]) {
    const schema = { ...schemaDocument, $ref: `#/components/schemas/${name}` };
    compiled.set(operation, await validator.compile(schema));
  }
  return {
    check(operation, text, protocol) {
      let body: unknown;
      try {
        body = parseJson(text, { what: "the body" });
      } catch (error) {
        return { ok: false, message: errorText(error), body: text };
      }
      const result = compiled.get(operation)!.validate(body);
      const message = result.ok
        ? ruleBroken(body as ClientFrame, protocol)
        : result.issues.map(({ path, message }) => `${path} ${message}`.trim()).join("; ");
      return message === undefined ? { ok: true, frame: body as ClientFrame } : { ok: false, message, body };
    },
  };
}

/** What the schemas cannot say: unique types, times in UTC, members of a later version. */
function ruleBroken(frame: ClientFrame, protocol: "1.0.0" | "1.1.0"): string | undefined {
  for (const member of TIMES) {
    const value = (frame as Readonly<Record<string, unknown>>)[member];
    if (typeof value === "string" && !isUtc(value)) return `/${member} is not an RFC 3339 time in UTC`;
  }
  if (frame.type === "heartbeat") {
    const bad = frame.inFlight.find(({ startedAt }) => !isUtc(startedAt));
    return bad && "/inFlight has a startedAt that is not an RFC 3339 time in UTC";
  }
  if (frame.type === "register") {
    const types = frame.capabilities.map(({ type }) => type);
    if (new Set(types).size < types.length) return "/capabilities names a type twice";
    return frame.capabilities.map((item) => tooNew(item, protocol)).find((found) => found !== undefined);
  }
  return frame.type === "update-capability" ? tooNew(frame.capability, protocol) : undefined;
}

function isUtc(text: string): boolean {
  return text.endsWith("Z") && parseTime(text) !== undefined;
}

function tooNew(capability: Capability, protocol: "1.0.0" | "1.1.0"): string | undefined {
  const found = Object.entries(membersSince.Capability).find(
    ([member, since]) => since > protocol && Object.hasOwn(capability, member),
  );
  return found && `${capability.type} has an unknown member "${found[0]}"`;
}
