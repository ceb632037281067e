/** Frames of a neuron, held against the schemas of the spec and the rules that no schema says. */
import type { Capability, ClientFrame, OperationId } from "../../../gen/neuron/index.js";
import { membersSince, operationSchemas, schemaDocument } from "../../../gen/neuron/index.js";
import { errorText } from "../../core/errors.js";
import { parseJson } from "../../core/json.js";
import { parseTime } from "../../core/time.js";
import { SpecSchemas } from "../http/schemas.js";

/** The operations that carry a frame. */
export type PostOperation = Exclude<OperationId, "openEvents">;

const TIMES = ["sentAt", "completedAt", "failedAt"] as const;

const schemas = new SpecSchemas(schemaDocument);

/**
 * The frame in the body of an operation, or what is wrong with it. `protocol` 1.0.0 refuses the members that came
 * later.
 */
export async function readFrame(
  operation: PostOperation,
  text: string,
  protocol: "1.0.0" | "1.1.0",
): Promise<ClientFrame | string> {
  let body: unknown;
  try {
    body = parseJson(text, { what: "the body" });
  } catch (error) {
    return errorText(error);
  }
  const issues = await schemas.issues(operationSchemas[operation].request!, body);
  if (issues.length > 0) return issues.map(({ path, message }) => `${path} ${message}`.trim()).join("; ");
  return ruleBroken(body as ClientFrame, protocol) ?? (body as ClientFrame);
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
