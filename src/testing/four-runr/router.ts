/** The handlers of all operations. */
import { type OperationId, operationSchemas, operationTable } from "../../../gen/4runr/index.js";
import { type HttpAnswer, json } from "../http/answer.js";
import { Refusal, refusal } from "../http/refusal.js";
import { adminHandlers } from "./admin.js";
import { agentHandlers } from "./agents.js";
import type { Gateway, GatewayCall } from "./context.js";
import { GatewayFault } from "./http.js";
import { operatorHandlers } from "./operator.js";
import { policyHandlers } from "./policies.js";
import { proxyRequest } from "./proxy.js";

/** An operation that this gateway has. Routes that the spec has for other gateways are answered 404. */
export type ServedOperation = Exclude<OperationId, "getJob" | "getServerHealth">;

type Handler = (call: GatewayCall, gateway: Gateway) => unknown;

const handlers: Readonly<Record<ServedOperation, Handler>> = {
  ...agentHandlers,
  ...policyHandlers,
  ...operatorHandlers,
  ...adminHandlers,
  proxyRequest,
};

/** The operations that this gateway has. */
export const servedOperations = (Object.keys(handlers) as ServedOperation[]).map((id) => operationTable[id]);

const stumbles: Partial<Readonly<Record<ServedOperation, string>>> = {
  createAgent: "Internal server error while creating agent.",
  generateToken: "Internal server error while generating token.",
  proxyRequest: "Internal server error during proxy request",
};

/** The body of a success. @throws Refusal; anything else only for a mistake of the local server itself */
export async function carryOut(
  operation: ServedOperation,
  call: GatewayCall,
  gateway: Gateway,
): Promise<unknown> {
  try {
    return await handlers[operation](call, gateway);
  } catch (error) {
    if (!(error instanceof GatewayFault)) throw error;
    throw refusal(500, stumbles[operation] ?? "Internal server error");
  }
}

/** The response of an operation. */
export async function dispatch(
  operation: ServedOperation,
  call: GatewayCall,
  gateway: Gateway,
): Promise<HttpAnswer> {
  const success = Object.keys(operationSchemas[operation].responses).find((status) => status < "3");
  try {
    const body = await carryOut(operation, call, gateway);
    if (body === undefined) return { status: 204, headers: {}, text: undefined };
    return typeof body === "string"
      ? { status: 200, headers: {}, text: body }
      : json(Number(success ?? 200), body);
  } catch (error) {
    if (error instanceof Refusal) return json(error.status, error.body);
    throw error;
  }
}
