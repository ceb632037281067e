/** The handlers of all operations. */
import { type OperationId, operationTable } from "../../../gen/4runr/index.js";
import { adminHandlers } from "./admin.js";
import { agentHandlers } from "./agents.js";
import { type GatewayAnswer, GatewayFault, type GatewayRequest, noRoute, refused } from "./answer.js";
import type { GatewayContext, Handler } from "./context.js";
import { operatorHandlers } from "./operator.js";
import { policyHandlers } from "./policies.js";
import { proxyRequest } from "./proxy.js";

/** Routes that the spec has for other gateways: this one answers 404. */
export type AbsentOperation = "getJob" | "getServerHealth";

/** An operation that this gateway has. */
export type ServedOperation = Exclude<OperationId, AbsentOperation>;

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
};

/** Answers one request. Rejects only for a mistake of the local server itself. */
export async function dispatch(
  operation: ServedOperation | undefined,
  request: GatewayRequest,
  gateway: GatewayContext,
): Promise<GatewayAnswer> {
  if (operation === undefined) return noRoute(request.method, request.path);
  try {
    return await handlers[operation](request, gateway);
  } catch (error) {
    if (!(error instanceof GatewayFault)) throw error;
    return refused(500, stumbles[operation] ?? "Internal server error");
  }
}
