/** Finds the operation that a request is for; the routes are those of the spec. */
import { type OperationId, operationTable } from "../../../gen/4runr/index.js";
import { router } from "../http/routes.js";
import { adminHandlers } from "./admin.js";
import { agentHandlers } from "./agents.js";
import { type GatewayAnswer, GatewayFault, type GatewayRequest, noRoute, refused } from "./answer.js";
import type { GatewayContext, Handlers } from "./context.js";
import { operatorHandlers } from "./operator.js";
import { policyHandlers } from "./policies.js";
import { proxyRequest } from "./proxy.js";

/** Routes that the spec has for other gateways: this one answers 404. */
export type AbsentOperation = "getJob" | "getServerHealth";

/** An operation that this gateway has. */
export type ServedOperation = Exclude<OperationId, AbsentOperation>;

const handlers: Handlers<ServedOperation> = {
  ...agentHandlers,
  ...policyHandlers,
  ...operatorHandlers,
  ...adminHandlers,
  proxyRequest,
};

/** The operation that a method and a path are for. */
export const findRoute = router(operationTable, Object.keys(handlers) as ServedOperation[]);

const stumbles: Partial<Readonly<Record<ServedOperation, string>>> = {
  createAgent: "Internal server error while creating agent.",
  generateToken: "Internal server error while generating token.",
};

/** Answers one request. Rejects only for a mistake of the counterpart itself. */
export async function dispatch(
  request: Omit<GatewayRequest, "params">,
  gateway: GatewayContext,
): Promise<GatewayAnswer> {
  const found = findRoute(request.method, request.path);
  if (found === undefined) return noRoute(request.method, request.path);
  try {
    return await handlers[found.operation]({ ...request, params: found.params }, gateway);
  } catch (error) {
    if (!(error instanceof GatewayFault)) throw error;
    return refused(500, stumbles[found.operation] ?? "Internal server error");
  }
}
