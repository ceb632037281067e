/** The login of a console client: made when it is needed, renewed in time, shared by all calls. */
import { raceSignal } from "../core/abort.js";
import { type Clock, systemClock } from "../core/clock.js";
import { AuthError } from "../core/errors.js";
import { reveal, Secret } from "../core/secret.js";

/** Who logs in. */
export interface ConsoleCredentials {
  readonly username: string;
  readonly password: string | Secret;
}

/** What a login gives. */
export interface ConsoleLogin {
  readonly token: string;
  /** ISO 8601. */
  readonly expiresAt: string;
}

/** Options of {@link ConsoleSession}. */
export interface ConsoleSessionOptions {
  readonly credentials:
    | ConsoleCredentials
    | (() => ConsoleCredentials | Promise<ConsoleCredentials>)
    | undefined;
  /** A token from elsewhere; used until the server refuses it. */
  readonly token: string | Secret | undefined;
  /** So long before its end a token is renewed, in milliseconds. */
  readonly refreshBeforeMs: number;
  readonly clock: Clock | undefined;
  readonly login: (credentials: { username: string; password: string }) => Promise<ConsoleLogin>;
}

interface Held {
  readonly token: Secret;
  readonly renewAt: number;
}

/** Holds one token. Logins that are asked for at the same time are one. */
export class ConsoleSession {
  readonly #options: ConsoleSessionOptions;
  readonly #clock: Clock;
  #held: Held | undefined;
  #pending: Promise<Held> | undefined;

  constructor(options: ConsoleSessionOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    const { token } = options;
    if (token !== undefined) this.#held = { token: new Secret(reveal(token)), renewAt: Infinity };
  }

  /** The token in hand, if there is one; no login is made. */
  get current(): string | undefined {
    return this.#held?.token.reveal();
  }

  /** A token that is good for a while. @throws AuthError without credentials, and what the login throws */
  async token(signal?: AbortSignal): Promise<string> {
    if (this.#held !== undefined && this.#clock.now() < this.#held.renewAt) return this.#held.token.reveal();
    this.#pending ??= this.#login().finally(() => {
      this.#pending = undefined;
    });
    return (await raceSignal(this.#pending, signal)).token.reveal();
  }

  /** Forgets a token that was refused, unless another one has taken its place. */
  drop(token: string): void {
    if (this.current === token) this.#held = undefined;
  }

  /** True when a refused token can be replaced. */
  get canLogin(): boolean {
    return this.#options.credentials !== undefined;
  }

  async #login(): Promise<Held> {
    const { credentials, login, refreshBeforeMs } = this.#options;
    if (credentials === undefined) {
      throw new AuthError("the console needs credentials, or a token that it accepts", {
        code: "NO_CREDENTIALS",
      });
    }
    const { username, password } = typeof credentials === "function" ? await credentials() : credentials;
    const { token, expiresAt } = await login({ username, password: reveal(password) });
    const life = new Date(expiresAt).getTime() - this.#clock.now();
    // A short life, or clocks that disagree: never renew before half of what is left.
    const renewAt = Number.isNaN(life)
      ? Infinity
      : this.#clock.now() + Math.max(life - refreshBeforeMs, life / 2);
    this.#held = { token: new Secret(token), renewAt };
    return this.#held;
  }
}
