/** Tokens of one agent: asked for once, kept, renewed in time, and never older than 24 hours. */
import { raceSignal } from "../core/abort.js";
import type { Clock } from "../core/clock.js";
import { Lru } from "../core/lru.js";
import { formatTime } from "../core/time.js";
import { GatewayTokenError } from "./errors.js";
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

/** What {@link TokenManager} needs. */
export interface TokenManagerOptions {
  /** Asks the gateway; gives its answer. `expiresAt` is UTC with `Z`, whatever the time zone of this machine. */
  readonly issue: (
    request: TokenRequest & { readonly expiresAt: string },
  ) => Promise<{ readonly token: string; readonly tokenId?: string | undefined }>;
  readonly clock: Clock;
}

interface Slot {
  held?: HeldToken;
  /** By the clock that does not jump. */
  renewAt: number;
  endsAt: number;
  asking?: Promise<HeldToken> | undefined;
}

const DAY_MS = 24 * 60 * 60_000;
const RENEW_BEFORE_MS = 5 * 60_000;

/** Keeps one token for each set of tools and permissions. */
export class TokenManager {
  readonly #options: TokenManagerOptions;
  readonly #slots = new Map<string, Slot>();
  /** The same slots, for requests that come again as the same object. */
  readonly #slotOf = new WeakMap<TokenRequest, Slot>();
  /** By token, so that one that is handed in is recognised. */
  readonly #known = new Lru<string, HeldToken>(200);

  constructor(options: TokenManagerOptions) {
    this.#options = options;
  }

  /**
   * A token that is good for a while: the kept one, or a new one when less than five minutes (of a short token:
   * half of its time) are left. Calls at the same time share one request; `signal` ends only the own wait.
   * When renewal fails the kept token is used as long as it is good.
   */
  async get(request: TokenRequest, signal?: AbortSignal): Promise<HeldToken> {
    const slot = this.#slot(request);
    const now = this.#options.clock.monotonic();
    if (slot.held !== undefined && now < slot.renewAt) return slot.held;
    try {
      return await raceSignal(this.#ask(slot, request), signal);
    } catch (error) {
      if (slot.held === undefined || signal?.aborted || this.#options.clock.monotonic() >= slot.endsAt)
        throw error;
      return slot.held;
    }
  }

  /** A new token in any case; it takes the place of the kept one. */
  fresh(request: TokenRequest, signal?: AbortSignal): Promise<HeldToken> {
    return raceSignal(this.#ask(this.#slot(request), request), signal);
  }

  /** What is known of a token that was handed in. */
  find(token: string): HeldToken {
    const known = this.#known.get(token);
    if (known !== undefined) return known;
    const held = { token, facts: readToken(token), receivedAt: this.#options.clock.now() };
    this.#known.set(token, held);
    return held;
  }

  /** The kept token is renewed before its next use. */
  markForRenewal({ token }: HeldToken): void {
    for (const slot of this.#slots.values()) if (slot.held?.token === token) slot.renewAt = -Infinity;
  }

  /** The kept token is not used again. */
  discard({ token }: HeldToken): void {
    for (const slot of this.#slots.values()) if (slot.held?.token === token) delete slot.held;
  }

  /** @throws GatewayTokenError for a token older than 24 hours; nothing is sent with it */
  checkAge(held: HeldToken): void {
    const { clock } = this.#options;
    if (clock.now() - (held.facts.issuedAt ?? held.receivedAt) > DAY_MS) {
      throw new GatewayTokenError("the token is older than 24 hours", { sent: false });
    }
  }

  /** Forgets all tokens. */
  clear(): void {
    for (const slot of this.#slots.values()) delete slot.held;
    this.#known.clear();
  }

  #slot(request: TokenRequest): Slot {
    const seen = this.#slotOf.get(request);
    if (seen !== undefined) return seen;
    const { tools, permissions, ttlMs } = request;
    const key = JSON.stringify([[...tools].sort(), [...permissions].sort(), ttlMs]);
    let slot = this.#slots.get(key);
    if (slot === undefined) {
      slot = { renewAt: -Infinity, endsAt: -Infinity };
      this.#slots.set(key, slot);
    }
    this.#slotOf.set(request, slot);
    return slot;
  }

  #ask(slot: Slot, request: TokenRequest): Promise<HeldToken> {
    slot.asking ??= this.#request(slot, request).finally(() => {
      slot.asking = undefined;
    });
    return slot.asking;
  }

  async #request(slot: Slot, request: TokenRequest): Promise<HeldToken> {
    const { clock, issue } = this.#options;
    const asked = clock.monotonic();
    const { token, tokenId } = await issue({
      ...request,
      expiresAt: formatTime(clock.now() + request.ttlMs),
    });
    const held = { token, tokenId, facts: readToken(token), receivedAt: clock.now() };
    slot.held = held;
    slot.endsAt = asked + request.ttlMs;
    slot.renewAt = slot.endsAt - Math.min(RENEW_BEFORE_MS, request.ttlMs / 2);
    this.#known.set(token, held);
    return held;
  }
}
