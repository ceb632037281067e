/** What is put into a call before it is sent: bridged parameters with the intent, and the proof of the token. */
import { errorText } from "../core/errors.js";
import { stringifyJson } from "../core/json-form.js";
import { GatewayValidationError } from "./errors.js";
import type { GatewayClientOptions } from "./options.js";
import { bridgeParams, checkParams } from "./params.js";
import type { HeldToken } from "./token.js";
import { findAction, type KnownAction } from "./tool-table.js";
import type { AnyParams, ProxyOptions, ToolCall } from "./types.js";

/**
 * The parameters as they are sent; the caller's object stays as it is.
 *
 * @throws GatewayValidationError for parameters that the gateway would refuse
 */
export function preparedParams(
  { tool, action, params, correlationId }: ToolCall,
  intent: string | undefined,
  options: GatewayClientOptions,
  mockInput: boolean,
): AnyParams {
  const { bridgeParams: bridge = true, checkParams: check = true, intentInParams = true } = options;
  const { defaultModel = "gpt-4o-mini", tools } = options;
  const known = findAction(tools, tool, action);
  // What is bridged is how the gateway's own tools differ from its checks.
  const isBridged = known?.result === undefined && chosen("bridgeParams", bridge, tool);
  let sent = isBridged
    ? bridgeParams(tool, action, params, { defaultModel: defaultModel || undefined, mockInput })
    : params;
  if (
    intent &&
    chosen("intentInParams", intentInParams, tool) &&
    sent.intent === undefined &&
    takesIntent(known)
  )
    sent = { ...sent, intent };
  const details = check && known !== undefined ? checkParams(known, sent) : [];
  if (details.length > 0) {
    throw new GatewayValidationError(`Parameter validation failed: ${details.join("; ")}`, {
      details,
      correlationId,
      sent: false,
    });
  }
  return sent;
}

/** What an option that may be a function of the tool says about one. */
function chosen(name: string, choice: boolean | ((tool: string) => boolean), tool: string): boolean {
  try {
    return typeof choice === "function" ? choice(tool) : choice;
  } catch (cause) {
    throw new GatewayValidationError(`${name} failed: ${errorText(cause)}`, { cause, sent: false });
  }
}

/** False for an action whose schema allows no member called `intent`. */
function takesIntent(known: KnownAction | undefined): boolean {
  const { additionalProperties, properties = {} } = (known?.params ?? {}) as {
    readonly additionalProperties?: unknown;
    readonly properties?: object;
  };
  return additionalProperties !== false || Object.hasOwn(properties, "intent");
}

/** The members that prove possession of a token. */
export interface Proof {
  readonly tokenId?: string;
  readonly proofPayload?: string;
}

/** The proof of a token; undefined when its payload cannot be read or is another agent's. */
export function proofOf(held: HeldToken, agentId: string, tokenId = held.tokenId): Proof | undefined {
  const { payload, agentId: owner } = held.facts;
  if (tokenId === undefined || payload === undefined || owner !== agentId) return undefined;
  return { tokenId, proofPayload: payload };
}

/** The proof that a caller gave in place of the token's own; undefined without one. */
export function givenProof({ proofPayload, tokenId }: ProxyOptions): Proof | undefined {
  if (proofPayload === undefined) return undefined;
  const text =
    typeof proofPayload === "string" ? proofPayload : stringifyJson(proofPayload, { what: "proofPayload" });
  return { proofPayload: text, ...(tokenId !== undefined && { tokenId }) };
}
