/** Logins of the local console: users, tokens and what they may do. */
import type { Clock } from "../../../core/clock.js";
import { randomHex } from "../../../core/ids.js";
import { type HttpAnswer, json } from "../../http/answer.js";
import type { LocalRequest } from "../../http/local-server.js";
import { refusal } from "../../http/refusal.js";
import { bearer } from "../exchange.js";

/** A user of the local console. */
export interface LocalUser {
  readonly username: string;
  readonly password: string;
  /** Such as `read` and `approve`. Default: those of the operator on the real server. */
  readonly permissions?: readonly string[];
  /** Whose events the user sees. The operations about compliance need it. Default: none. */
  readonly tenantId?: string;
}

/** The user that the real server starts with. */
export const defaultUser: LocalUser = { username: "operator", password: "operator123" };

const ALL_PERMISSIONS = [
  "read",
  "write",
  "approve",
  "deny",
  "rollback",
  "deploy",
  "devops_approve",
  "devops_reject",
  "devops_promote",
];

/** How long a token is good, in milliseconds. */
const LIFE_MS = 3_600_000;

interface Session {
  readonly user: LocalUser;
  readonly expiresAt: number;
}

/** The sessions of one server. */
export class ConsoleUsers {
  readonly #users: readonly LocalUser[];
  readonly #clock: Clock;
  readonly #sessions = new Map<string, Session>();

  constructor(users: readonly LocalUser[], clock: Clock) {
    this.#users = users;
    this.#clock = clock;
  }

  /** Answers a login. Logins of one user within the same second get the same token, as on the real server. */
  login(body: Readonly<Record<string, unknown>>): HttpAnswer {
    const { username, password } = body;
    const user = this.#users.find((candidate) => candidate.username === username);
    if (user === undefined) throw refusal(401, "Invalid credentials");
    if (password === undefined) {
      throw refusal(500, "Authentication failed", { details: "data and hash arguments required" });
    }
    if (user.password !== password) throw refusal(401, "Invalid credentials");
    const second = Math.floor(this.#clock.now() / 1000);
    const expiresAt = second * 1000 + LIFE_MS;
    let token = [...this.#sessions].find(
      ([, session]) => session.user === user && session.expiresAt === expiresAt,
    )?.[0];
    token ??= `local.${second}.${randomHex(24)}`;
    this.#sessions.set(token, { user, expiresAt });
    return json(200, { token, expiresAt: new Date(expiresAt).toISOString() });
  }

  /** The user of a request. @throws Refusal */
  authorize(request: LocalRequest, permission: string | undefined): LocalUser {
    const token = bearer(request);
    if (token === undefined) throw refusal(401, "Unauthorized: Missing or invalid token");
    const session = this.#sessions.get(token);
    if (session === undefined || session.expiresAt <= this.#clock.now()) {
      throw refusal(401, "Unauthorized: Invalid token");
    }
    const { permissions = ALL_PERMISSIONS } = session.user;
    if (permission !== undefined && !permissions.includes(permission)) {
      throw refusal(403, `Forbidden: Requires '${permission}' permission`);
    }
    return session.user;
  }

  /** Ends the session of a request. */
  logout(request: LocalRequest): HttpAnswer {
    this.#sessions.delete(bearer(request) ?? "");
    return json(200, { message: "Logged out successfully" });
  }

  /** Ends all sessions, as a restart of the real server does. */
  forget(): void {
    this.#sessions.clear();
  }
}
