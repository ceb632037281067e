/** Tokens of one agent: asked for once, kept, renewed in time, and never older than 24 hours. */
import type { Clock } from "../core/clock.js";
import type { Cut } from "../core/cut.js";
import { Lru } from "../core/lru.js";
import { isToken } from "../http/auth.js";
import type { SendOptions } from "../http/index.js";
import { Renewable } from "../http/renewable.js";
import { GatewayTokenError, GatewayValidationError } from "./errors.js";
import { readToken, type TokenFacts } from "./proof.js";

/** What a token is asked for. The gateway enforces neither tools nor permissions; policies decide. */
export interface TokenRequest {
  readonly tools: readonly string[];
  readonly permissions: readonly string[];
  /** How long it shall be good, in milliseconds. */
  readonly ttlMs: number;
}

/** A token and what is known of it. */
export interface HeldToken {
  readonly token: string;
  /** The id that revocation and proof go by; undefined for a token that was not asked for here. */
  readonly tokenId?: string | undefined;
  readonly facts: TokenFacts;
  /** When it came, in milliseconds since the epoch. */
  readonly receivedAt: number;
}

/** Asks the gateway for a token. */
export type IssueToken = (
  request: TokenRequest,
  options: SendOptions,
) => Promise<{ readonly agentToken: string; readonly tokenId?: string | undefined }>;

/** Of a request that several calls may wait for, each with limits and attempts of its own. */
const SHARED = { retry: false, timeoutMs: Infinity, totalTimeoutMs: Infinity } as const satisfies SendOptions;

const DAY_MS = 24 * 60 * 60_000;
const RENEW_BEFORE_MS = 5 * 60_000;

/** Keeps one token for each set of tools and permissions. */
export class Tokens {
  readonly #issue: IssueToken;
  readonly #clock: Clock;
  readonly #slots = new Map<string, Renewable<HeldToken>>();
  /** By token, so that one that is handed in is recognised. */
  readonly #known = new Lru<string, HeldToken>(200);

  constructor(issue: IssueToken, clock: Clock) {
    this.#issue = issue;
    this.#clock = clock;
  }

  /** A token that is good for a while. One that a sleep of the machine has made too old is replaced. */
  async get(request: TokenRequest, cut: Cut): Promise<HeldToken> {
    const slot = this.#slot(request);
    const held = await slot.get(cut);
    if (!this.#isTooOld(held)) return held;
    slot.drop((kept) => kept === held);
    return slot.get(cut);
  }

  /** A new token in any case; it takes the place of the kept one. */
  async fresh(request: TokenRequest, options: SendOptions): Promise<HeldToken> {
    const askedAt = this.#clock.monotonic();
    const held = await this.#issued(request, options);
    this.#slot(request).set(held, request.ttlMs, askedAt);
    return held;
  }

  /**
   * What is known of a token that was handed in.
   *
   * @throws GatewayTokenError for a token older than 24 hours, which the gateway would refuse
   */
  find(token: string): HeldToken {
    if (!isToken(token))
      throw new GatewayValidationError("agentToken must be one line of visible ASCII text");
    const held = this.#known.get(token) ?? this.#heldOf(token);
    this.#known.set(token, held);
    if (!this.#isTooOld(held)) return held;
    throw new GatewayTokenError(
      "the token is older than 24 hours by this machine's clock: ask for a new one",
    );
  }

  /** The kept token is renewed before its next use. */
  renewNext({ token }: HeldToken): void {
    for (const slot of this.#slots.values()) slot.renewNext((one) => one.token === token);
  }

  /** The kept token is not used again. */
  drop({ token }: HeldToken): void {
    for (const slot of this.#slots.values()) slot.drop((one) => one.token === token);
  }

  /** Forgets all tokens. */
  clear(): void {
    for (const slot of this.#slots.values()) slot.clear();
    this.#known.clear();
  }

  #isTooOld({ facts, receivedAt }: HeldToken): boolean {
    return this.#clock.now() - (facts.issuedAt ?? receivedAt) > DAY_MS;
  }

  #heldOf(token: string, tokenId?: string): HeldToken {
    return { token, tokenId, facts: readToken(token), receivedAt: this.#clock.now() };
  }

  async #issued(request: TokenRequest, options: SendOptions): Promise<HeldToken> {
    const { agentToken, tokenId } = await this.#issue(request, options);
    const held = this.#heldOf(agentToken, tokenId);
    this.#known.set(agentToken, held);
    return held;
  }

  #slot(request: TokenRequest): Renewable<HeldToken> {
    const { tools, permissions, ttlMs } = request;
    const key = `${keyOf(tools)}\n\n${keyOf(permissions)}\n\n${ttlMs}`;
    let slot = this.#slots.get(key);
    if (slot === undefined) {
      slot = new Renewable({
        issue: async (cut) => ({ value: await this.#issued(request, { ...SHARED, cut }), lifeMs: ttlMs }),
        refreshBeforeMs: RENEW_BEFORE_MS,
        clock: this.#clock,
      });
      this.#slots.set(key, slot);
    }
    return slot;
  }
}

/** The same text for the same names in any order. */
function keyOf(names: readonly string[]): string {
  return names.length === 1 ? names[0]! : [...names].sort().join("\n");
}
