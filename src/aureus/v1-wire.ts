/** The V1 dialect on the wire: one method for all 13 operations, driven by the generated tables. */
import { keyMap } from "../../gen/aureus/v1/keys.js";
import { type OperationId, operationTable } from "../../gen/aureus/v1/operations.js";
import { AgentwireError, ProtocolError } from "../core/errors.js";
import { HttpClient, type HttpInput, type HttpUserOptions } from "../core/http.js";
import { fromWire, toWire } from "../core/keys.js";
import type { RetryPolicy } from "../core/retry-policy.js";
import { retryPolicy } from "../core/retry-policy.js";
import { reveal, type Secret } from "../core/secret.js";
import { type DispatcherOption, withDispatcher } from "./dispatcher.js";
import { aureusError } from "./errors.js";
import { dropNulls } from "./nulls.js";

/** The id of a V1 operation. */
export type V1OperationId = OperationId;

/** The waits of the Aureus engine's own task retries. */
export const aureusRetryPolicy: RetryPolicy = retryPolicy({ minDelayMs: 1_000, factor: 2, jitter: 0.5 });

/** Options of one call. */
export interface CallOptions {
  /** Ends the call at once. */
  readonly signal?: AbortSignal | undefined;
  /** How long one try may take, in milliseconds. Default: the client's. */
  readonly timeoutMs?: number | undefined;
  /** Default: the client's. */
  readonly retry?: RetryOptions | false | undefined;
}

/** Options of the V1 wire. */
export interface V1WireOptions extends HttpUserOptions, DispatcherOption {
  /** Absolute URL; a path prefix stays. Default: `http://localhost:3000`, as in the Python SDK. */
  readonly baseUrl?: string | undefined;
  /** Sent as `Authorization: Bearer`. Default: no header. */
  readonly apiKey?: string | Secret | undefined;
  /**
   * The last hand on a request body, in the form of the wire. Default: nulls are left out. `explicitNulls`
   * writes the members that the Python SDK writes.
   */
  readonly finishBody?: ((body: unknown, operation: V1OperationId) => unknown) | undefined;
}

/** What a call is given: camelCase values. */
export interface V1Input extends CallOptions {
  readonly path?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, unknown>>;
  readonly body?: unknown;
  /** Named in errors. */
  readonly correlationId?: string | null | undefined;
}

const WHAT = "the Aureus server";

/** Makes V1 calls: camelCase in and out, snake_case on the wire. */
export class V1Wire {
  readonly #http: HttpClient<OperationId>;
  readonly #finish: NonNullable<V1WireOptions["finishBody"]>;

  constructor(options: V1WireOptions) {
    const { baseUrl = "http://localhost:3000", apiKey, finishBody } = options;
    const key = apiKey === undefined ? "" : reveal(apiKey);
    this.#http = new HttpClient<OperationId>({
      ...options,
      fetch: withDispatcher(options.fetch, options.dispatcher),
      baseUrl,
      operations: operationTable,
      what: WHAT,
      headers: key === "" ? undefined : { authorization: `Bearer ${key}` },
      defaultRetry: aureusRetryPolicy,
      toError: (answer, operation) => aureusError(answer, WHAT, operation),
    });
    this.#finish = finishBody ?? leaveNullsOut;
  }

  /** Without a trailing slash. */
  get baseUrl(): string {
    return this.#http.baseUrl;
  }

  /** Makes a call whose answer means nothing. */
  async send(operation: OperationId, input: V1Input): Promise<void> {
    await this.#call(operation, input);
  }

  /** Makes a call that answers with an object. @throws ProtocolError `unexpected_answer` */
  async object(operation: OperationId, input: V1Input): Promise<Record<string, unknown>> {
    const body = await this.#read(operation, input);
    if (typeof body !== "object" || body === null || Array.isArray(body))
      throw unexpected(operation, "an object");
    return body as Record<string, unknown>;
  }

  /** Makes a call that answers with a list. @throws ProtocolError `unexpected_answer` */
  async list(operation: OperationId, input: V1Input): Promise<unknown[]> {
    const body = await this.#read(operation, input);
    if (!Array.isArray(body)) throw unexpected(operation, "a list");
    return body as unknown[];
  }

  async #read(operation: OperationId, input: V1Input): Promise<unknown> {
    const { body } = await this.#call(operation, input);
    return fromWire(body, operationTable[operation].shapes?.responses?.["200"], keyMap);
  }

  async #call(operation: OperationId, input: V1Input) {
    const { path, query, body, correlationId, signal, timeoutMs, retry } = input;
    const { shapes } = operationTable[operation];
    const request: HttpInput = { path, signal, timeoutMs, retry };
    const full: HttpInput = {
      ...request,
      ...(query && { query: toWire(query, shapes?.query, keyMap) as Record<string, unknown> }),
      ...(body !== undefined && { body: this.#finish(toWire(body, shapes?.request, keyMap), operation) }),
    };
    try {
      return await this.#http.call(operation, full);
    } catch (error) {
      if (typeof correlationId === "string" && error instanceof AgentwireError && !error.correlationId) {
        Object.defineProperty(error, "correlationId", { value: correlationId, enumerable: true });
      }
      throw error;
    }
  }
}

/** The body was made by the key map, so it is ours to change. */
function leaveNullsOut(body: unknown, operation: OperationId): unknown {
  dropNulls(body, operationTable[operation].shapes?.request);
  return body;
}

function unexpected(operation: OperationId, wanted: string): ProtocolError {
  return new ProtocolError(`${WHAT} did not answer ${operation} with ${wanted}`, {
    code: "unexpected_answer",
    details: { operation },
  });
}
