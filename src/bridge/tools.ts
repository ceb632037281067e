/** `ctx.tools`: the tools of a 4Runr gateway, called as a part of the piece of work. */
import type { GatewayClient, ProxyOptions, ProxyParams, ProxyResult, ToolName } from "../4runr/index.js";
import type { Clock } from "../core/clock.js";
import type { HandlerContext } from "../handler/index.js";
import { inherited } from "./time-left.js";

/** What {@link Tools.proxy} may be given: signal and correlation id are those of the work. */
export type ToolOptions = Omit<ProxyOptions, "signal" | "correlationId">;

/** Tools inside a handler. */
export interface Tools {
  /**
   * Calls a tool; see `GatewayClient.proxy`. It ends when the work is cut short, takes no longer than the work may,
   * and goes by the correlation id of the work.
   *
   * @throws GatewayError, AbortError, ClosedError
   */
  proxy<Tool extends ToolName, Action extends string>(
    tool: Tool,
    action: Action,
    params: ProxyParams<Tool, Action>,
    options?: ToolOptions,
  ): Promise<ProxyResult<Tool, Action>>;
}

/** The tools of a client, for one piece of work. */
export function toolsFor(client: Pick<GatewayClient, "proxy">, ctx: HandlerContext, clock: Clock): Tools {
  return {
    proxy: (tool, action, params, options = {}) =>
      client.proxy(tool, action, params, {
        ...options,
        ...inherited(ctx, options.timeoutMs, clock.now()),
        correlationId: ctx.correlationId,
      }),
  };
}
