/** The console dialect on the wire: any operation of the spec, with the token of a session. */
import { type OperationId, operationTable } from "../../gen/aureus/console/operations.js";
import type { operations } from "../../gen/aureus/console/types.js";
import { AuthError, ClosedError, ProtocolError } from "../core/errors.js";
import { HttpClient, type HttpUserOptions } from "../core/http.js";
import type { HttpAnswer } from "../core/http-answer.js";
import type { Secret } from "../core/secret.js";
import { type ConsoleCredentials, type ConsoleLogin, ConsoleSession } from "./console-session.js";
import { type DispatcherOption, withDispatcher } from "./dispatcher.js";
import { aureusError } from "./errors.js";
import { aureusRetryPolicy, type CallOptions } from "./v1-wire.js";

/** The id of a console operation. */
export type ConsoleOperationId = OperationId;

type Json<T> = T extends { content: { "application/json": infer Body } } ? Body : never;
type PathOf<T> = T extends { parameters: { path: infer Path } }
  ? { readonly path: Path }
  : { readonly path?: never };
type QueryOf<T> = T extends { parameters: { query?: infer Query } }
  ? { readonly query?: Query }
  : { readonly query?: never };
type BodyOf<T> = T extends { requestBody: infer Body }
  ? { readonly body: Json<Body> }
  : { readonly body?: never };

/** What an operation is given. */
export type ConsoleInput<Id extends OperationId> = PathOf<operations[Id]> &
  QueryOf<operations[Id]> &
  BodyOf<operations[Id]>;
/** What an operation answers. */
export type ConsoleOutput<Id extends OperationId> = Json<operations[Id]["responses"][200]>;

/** Options of the console wire. */
export interface ConsoleWireOptions extends HttpUserOptions, DispatcherOption {
  /** Absolute URL; a path prefix stays. Default: `http://localhost:3000`. */
  readonly baseUrl?: string | undefined;
  /** Who logs in, or a function that says so at each login. */
  readonly credentials?:
    | ConsoleCredentials
    | (() => ConsoleCredentials | Promise<ConsoleCredentials>)
    | undefined;
  /** A token from an earlier login; used until the server refuses it. */
  readonly token?: string | Secret | undefined;
  /** So long before its end a token is renewed, in milliseconds. Default: 60,000. */
  readonly refreshBeforeMs?: number | undefined;
}

const WHAT = "the Aureus console";
/** Operations without a token. */
const PUBLIC: ReadonlySet<OperationId> = new Set<OperationId>(["health", "login"]);

interface Input extends CallOptions {
  readonly path?: Readonly<Record<string, string>> | undefined;
  readonly query?: Readonly<Record<string, unknown>> | undefined;
  readonly body?: unknown;
}

/** Makes console calls. */
export class ConsoleWire {
  readonly #http: HttpClient<OperationId>;
  readonly #fetch: typeof fetch | undefined;
  readonly session: ConsoleSession;
  #closed = false;

  constructor(options: ConsoleWireOptions) {
    const {
      baseUrl = "http://localhost:3000",
      credentials,
      token,
      refreshBeforeMs = 60_000,
      clock,
    } = options;
    this.#fetch = withDispatcher(options.fetch, options.dispatcher);
    this.#http = new HttpClient<OperationId>({
      ...options,
      fetch: this.#fetch,
      baseUrl,
      operations: operationTable,
      what: WHAT,
      defaultRetry: aureusRetryPolicy,
      toError: (answer, operation) => aureusError(answer, WHAT, operation),
    });
    this.session = new ConsoleSession({
      credentials,
      token,
      refreshBeforeMs,
      clock,
      login: async (body) => readLogin(await this.#http.call("login", { body })),
    });
  }

  get baseUrl(): string {
    return this.#http.baseUrl;
  }

  close(): void {
    this.#closed = true;
  }

  /** Makes a call. A token that the server refuses is replaced once, and the call made once more. */
  async call<Id extends OperationId>(
    operation: Id,
    input: ConsoleInput<Id> & CallOptions,
  ): Promise<ConsoleOutput<Id>> {
    if (this.#closed) throw new ClosedError("the client is closed");
    const request = input as Input;
    if (PUBLIC.has(operation)) return (await this.#http.call(operation, request)).body as ConsoleOutput<Id>;
    const answer = await this.#withToken(request.signal, (authorization) =>
      this.#http.call(operation, { ...request, headers: { authorization } }),
    );
    if (answer.body === undefined) throw noBody(operation);
    return answer.body as ConsoleOutput<Id>;
  }

  /** A `fetch` that adds the token, for clients that are generated from the spec. Redirects are not followed. */
  readonly fetch: typeof fetch = async (input, init) => {
    if (this.#closed) throw new ClosedError("the client is closed");
    const request = new Request(input, { redirect: "manual", ...init });
    if (!request.url.startsWith(`${this.baseUrl}/`)) {
      throw new ProtocolError("the token is only sent to the console it belongs to", { code: "FOREIGN_URL" });
    }
    const send = this.#fetch ?? fetch;
    const once = async (token: string): Promise<Response> => {
      const copy = request.clone();
      copy.headers.set("authorization", `Bearer ${token}`);
      return send(copy);
    };
    const token = await this.session.token(request.signal);
    const response = await once(token);
    if (response.status !== 401 || !this.session.canLogin) return response;
    await response.body?.cancel();
    this.session.drop(token);
    return once(await this.session.token(request.signal));
  };

  async #withToken(
    signal: AbortSignal | undefined,
    send: (authorization: string) => Promise<HttpAnswer>,
  ): Promise<HttpAnswer> {
    const token = await this.session.token(signal);
    try {
      return await send(`Bearer ${token}`);
    } catch (error) {
      if (!(error instanceof AuthError) || error.status !== 401 || !this.session.canLogin) throw error;
    }
    // A refused call did nothing, so it may be made again whatever it is.
    this.session.drop(token);
    return send(`Bearer ${await this.session.token(signal)}`);
  }
}

function readLogin({ body }: HttpAnswer): ConsoleLogin {
  const { token, expiresAt } = (body ?? {}) as Partial<ConsoleLogin>;
  if (typeof token !== "string" || token === "") {
    throw new ProtocolError(`${WHAT} answered the login without a token`, { code: "UNEXPECTED_ANSWER" });
  }
  return { token, expiresAt: String(expiresAt) };
}

function noBody(operation: OperationId): ProtocolError {
  return new ProtocolError(`${WHAT} did not answer ${operation} with JSON`, {
    code: "UNEXPECTED_ANSWER",
    details: { operation },
  });
}
