/** The tools behind the gateway. */

/** Params as they came, not checked any further. */
export type ToolParams = Readonly<Record<string, unknown>>;

/** One action of a tool. What it throws becomes the details of a 502, see {@link ToolFailure}. */
export type ToolAction = (params: ToolParams) => unknown;

/** Actions by tool and action. */
export type Tools = Readonly<Record<string, Readonly<Record<string, ToolAction>>>>;

/** An answer of the upstream that is not a success; its status and body become those of the gateway's response. */
export class ToolFailure extends Error {
  readonly status: number;
  readonly body: unknown;

  constructor(status: number, body?: unknown, message = `Request failed with status code ${status}`) {
    super(message);
    this.name = "ToolFailure";
    this.status = status;
    this.body = body;
  }
}

/**
 * The tools as a gateway in live mode has them today: no credential can be read and `http_fetch` has lost its
 * object, so no call succeeds.
 */
export function brokenLiveTools(): Tools {
  const lost = (): never => {
    throw new TypeError("this.isUrlAllowed is not a function");
  };
  return { http_fetch: { get: lost, head: lost } };
}

/** Single actions replaced, the others kept. */
export function withActions(own: Tools, given: Tools = {}): Tools {
  const named = Object.entries(given).map(([tool, actions]) => [tool, { ...own[tool], ...actions }]);
  return { ...own, ...Object.fromEntries(named) };
}
