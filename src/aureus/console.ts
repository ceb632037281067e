/** The client of the Aureus Console server. */
import { AureusConsoleApi } from "../../gen/aureus/console/client.js";
import type * as api from "../../gen/aureus/console/models.js";
import { loginOp } from "../../gen/aureus/console/operations.js";
import type { Action, Principal } from "../../gen/aureus/v1/models.js";
import { systemClock } from "../core/clock.js";
import type { Cut } from "../core/cut.js";
import { optionOrEnv, readEnv } from "../core/env.js";
import { ProtocolError, ValidationError } from "../core/errors.js";
import { checkOptions, milliseconds } from "../core/options.js";
import { reveal, type Secret } from "../core/secret.js";
import { isToken } from "../http/auth.js";
import {
  type CallOptions,
  HttpClient,
  type IssuedToken,
  type SendOptions,
  TokenSource,
} from "../http/index.js";
import { type ActionRef, PendingApproval } from "./approval.js";
import { simulationRequest } from "./convert.js";
import { type AureusOptions, aureusHttp } from "./options.js";
import { type WatchOptions, watchState } from "./watch.js";

/** Login name and password. */
export interface ConsoleCredentials {
  readonly username: string;
  readonly password: string | Secret;
}

/** Options of {@link AureusConsoleClient}. */
export interface AureusConsoleClientOptions extends AureusOptions {
  /** Login name and password, or a function that returns them at each login. Default: AUREUS_USERNAME and AUREUS_PASSWORD. */
  readonly credentials?:
    | ConsoleCredentials
    | (() => ConsoleCredentials | Promise<ConsoleCredentials>)
    | undefined;
  /** A token from an earlier login; used until the server refuses it. Default: AUREUS_TOKEN. */
  readonly token?: string | Secret | undefined;
  /** A token is renewed this long before its end, in milliseconds. Default: 60,000. */
  readonly refreshBeforeMs?: number | undefined;
}

/** All other operations are those of the generated client. */
const Generated: new (http: HttpClient) => Omit<AureusConsoleApi, "login" | "logout"> = AureusConsoleApi;

/** States in which a workflow goes on; any other one is an end, known to this version or not. */
const ONGOING = new Set(["pending", "queued", "running", "retrying", "paused"]);

/**
 * Speaks the dialect of the Aureus Console server: camelCase, with a token from a login. All operations of the server are
 * methods, with the doc comments of the spec.
 *
 * The login is made with the first call, renewed before it ends, and repeated once when the server refuses the token;
 * calls at the same time share one login. Calls reject with the errors of this package; `details` of the error holds what
 * the server said.
 */
export class AureusConsoleClient extends Generated {
  readonly #http: HttpClient;
  readonly #api: AureusConsoleApi;
  readonly #session: TokenSource;
  readonly #options: AureusConsoleClientOptions;

  /** @throws ValidationError `INVALID_BASE_URL`; `INVALID_TOKEN` for a token that cannot stand in a header */
  constructor(options: AureusConsoleClientOptions = {}) {
    checkOptions(options, { refreshBeforeMs: milliseconds });
    const token = optionOrEnv(
      options.token === undefined ? undefined : reveal(options.token),
      "AUREUS_TOKEN",
    );
    const credentials = options.credentials ?? credentialsFromEnv();
    const session = new TokenSource({
      token,
      issue: credentials && ((cut) => this.#login(credentials, cut)),
      what: "login",
      refreshBeforeMs: options.refreshBeforeMs,
      clock: options.clock,
    });
    const http = new HttpClient({ ...aureusHttp(options, "console"), auth: session });
    super(http);
    this.#http = http;
    this.#api = new AureusConsoleApi(http);
    this.#session = session;
    this.#options = options;
  }

  /**
   * Asks the policy guard about an action. If a human has to approve it, the result holds the token, and `wait()` waits
   * for the decision. `workflowId` is the label under which the decision will be recorded; it need not be a workflow of
   * the server. Default: the id of the action.
   */
  async requestDecision(
    action: Action | api.Action,
    principal: Principal | api.Principal,
    options: CallOptions & { readonly workflowId?: string | undefined } = {},
  ): Promise<PendingApproval> {
    const { workflowId = action.id, ...call } = options;
    const known = await this.getWorkflowEvents(workflowId, call);
    const { decision } = await this.simulatePolicy(simulationRequest(action, principal), call);
    const ref = { taskId: action.id, approvalToken: decision.approvalToken };
    return new PendingApproval(this, { ...this.#waiting(workflowId, ref), decision, known });
  }

  /**
   * An approval that something else asked for: a task of a workflow that stopped at its policy gate, or
   * `AureusClient.requestApproval`. Only a decision that is made after the token was issued counts.
   */
  pendingApproval(workflowId: string, action: ActionRef): PendingApproval {
    return new PendingApproval(this, this.#waiting(workflowId, action));
  }

  /** The states of a workflow: the first one, and each one that differs from the one before, to the end. */
  watchWorkflow(
    id: string,
    options: WatchOptions<api.WorkflowStatus> = {},
  ): AsyncGenerator<api.WorkflowStatus> {
    return watchState({
      clock: this.#options.clock,
      isEnd: ({ status }) => !ONGOING.has(status),
      ...options,
      read: (signal) => this.getWorkflow(id, { signal }),
    });
  }

  /** Logs in now, unless there is a token. Not needed: the first call does it. */
  async login(options: CallOptions = {}): Promise<void> {
    await this.#http.attempt(loginOp, options, (cut) => this.#session.authorization(cut));
  }

  /**
   * Ends the session on the server, if there is one. Logins of one user within the same second share a token there, so
   * this may log out others.
   */
  async logout(options?: CallOptions): Promise<void> {
    if (!this.#session.isHeld) return;
    await this.#api.logout(options);
    this.#session.clear();
  }

  #waiting(workflowId: string, action: ActionRef) {
    const { clock, logger } = this.#options;
    return { workflowId, ...action, clock, logger };
  }

  async #login(
    credentials: NonNullable<AureusConsoleClientOptions["credentials"]>,
    cut: Cut,
  ): Promise<IssuedToken> {
    const given = typeof credentials === "function" ? await credentials() : credentials;
    const { username, password } = given ?? {};
    const secret = reveal(password);
    if (typeof username !== "string" || typeof secret !== "string")
      throw new ValidationError("credentials must have a username and a password");
    const limits = { retry: false, timeoutMs: Infinity, totalTimeoutMs: Infinity } as const;
    const call: SendOptions = { ...limits, cut, secrets: [secret] };
    const { data, status, headers, requestId } = await this.#api
      .login({ username, password: secret }, call)
      .withResponse();
    if (!isToken(data.token)) {
      const message =
        "unexpected response to login: expected a token of visible ASCII characters, found another one";
      throw new ProtocolError(message, { code: "UNEXPECTED_RESPONSE", status, headers, requestId });
    }
    // Both times are the server's, so a clock that is wrong here does not matter.
    const { clock = systemClock } = this.#options;
    const now = Date.parse(headers.get("date") ?? "");
    const lifeMs = Date.parse(data.expiresAt) - (Number.isNaN(now) ? clock.now() : now);
    return { token: data.token, ...(!Number.isNaN(lifeMs) && { lifeMs }) };
  }
}

function credentialsFromEnv(): ConsoleCredentials | undefined {
  const username = readEnv("AUREUS_USERNAME");
  const password = readEnv("AUREUS_PASSWORD");
  return username !== undefined && password !== undefined ? { username, password } : undefined;
}
