/** The public keys a receiver trusts, by sender. A sender may have several, so that keys can be rotated. */
import type { CryptoBackend, KeyOptions, KeyPair, SigningKey, VerifyingKey } from "./backend.js";
import { defaultCrypto } from "./backend.js";
import { keyId, parsePublicPem } from "./key-form.js";
import { invalidKey } from "./pem.js";

/** The role that a key is limited to. */
export type Role =
  /** Submits jobs and cancels them. */
  | "client"
  /** Dispatches jobs, cancels them, and reports those that ended without a worker. */
  | "scheduler"
  /** Reports results, progress and heartbeats. */
  | "worker";

const ROLES: readonly Role[] = ["client", "scheduler", "worker"];

/** A public key: a PEM text with a PUBLIC KEY block (SPKI), or one that was parsed. */
export type PublicKey = string | VerifyingKey;

/** A public key with the roles its owner may take. */
export interface RoleKey {
  readonly key: PublicKey;
  /** Default: every role. */
  readonly roles?: readonly Role[] | undefined;
}

type Trusted = PublicKey | RoleKey;

/**
 * The keys of each sender id: an object, a map, or a {@link KeyRing}, whose keys may change while it is in use. An
 * empty one trusts nobody.
 */
export type PublicKeys =
  | KeyRing
  | Readonly<Record<string, Trusted | readonly Trusted[]>>
  | ReadonlyMap<string, Trusted | readonly Trusted[]>;

/** A private key: a PEM text with a block in PKCS8 or SEC1 form, or one that was parsed. */
export type PrivateKey = string | SigningKey;

/** Options of {@link KeyRing} and {@link toSigningKey}. */
export interface CryptoOptions extends KeyOptions {
  /** Default: node:crypto where there is one, else `@noble/curves`. */
  readonly crypto?: CryptoBackend;
}

/** A parsed key of a ring. */
export interface TrustedKey {
  readonly key: VerifyingKey;
  readonly roles: readonly Role[] | undefined;
  /** The same for every form of the same key; the object itself where a parsed key was given. */
  readonly id: unknown;
}

/**
 * Public keys by sender id. Whoever was given the ring sees changes from the next packet on, so keys are rotated by
 * adding the new one, switching the sender over, and removing the old one.
 */
export class KeyRing {
  readonly #keys = new Map<string, readonly TrustedKey[]>();
  readonly #options: CryptoOptions;

  /** @throws ValidationError `INVALID_KEY`, naming the sender, for a key that cannot be used. */
  constructor(publicKeys: Exclude<PublicKeys, KeyRing> = {}, options: CryptoOptions = {}) {
    this.#options = options;
    if (typeof publicKeys !== "object" || publicKeys === null)
      throw invalidKey(
        `publicKeys must be an object, a Map or a KeyRing, is ${publicKeys === null ? "null" : typeof publicKeys}`,
      );
    const entries = publicKeys instanceof Map ? [...publicKeys] : Object.entries(publicKeys);
    for (const [sender, given] of entries as [string, Trusted | readonly Trusted[]][]) {
      this.#keys.set(sender, []);
      for (const one of Array.isArray(given) ? given : [given]) {
        if (isRoleKey(one)) this.add(sender, one.key, one);
        else this.add(sender, one);
      }
    }
  }

  /** The keys of a sender; none if it is unknown. */
  of(senderId: string): readonly TrustedKey[] {
    return this.#keys.get(senderId) ?? [];
  }

  /**
   * Trusts one more key of a sender. A key that is there already gets the given roles.
   *
   * @throws ValidationError `INVALID_KEY`, naming the sender.
   */
  add(senderId: string, key: PublicKey, { roles }: Pick<RoleKey, "roles"> = {}): void {
    if (!senderId) throw invalidKey("a public key needs the id of its sender, found none");
    if (roles !== undefined && !(Array.isArray(roles) && roles.every((role) => ROLES.includes(role))))
      throw invalidKey(`the roles of "${senderId}" must be a list of ${ROLES.join(", ")}`);
    const trusted = { ...this.#parse(senderId, key), roles };
    this.#keys.set(senderId, [...this.of(senderId).filter(({ id }) => id !== trusted.id), trusted]);
  }

  /**
   * Trusts a key of a sender no longer; without a key, none of them. Returns whether there was one.
   *
   * @throws ValidationError `INVALID_KEY`, naming the sender.
   */
  remove(senderId: string, key?: PublicKey): boolean {
    const before = this.of(senderId);
    const removed = key === undefined ? undefined : this.#parse(senderId, key).id;
    const left = key === undefined ? [] : before.filter(({ id }) => id !== removed);
    if (left.length > 0) this.#keys.set(senderId, left);
    else this.#keys.delete(senderId);
    return left.length < before.length;
  }

  #parse(senderId: string, key: PublicKey): Omit<TrustedKey, "roles"> {
    const parsed = toVerifyingKey(senderId, key, this.#options);
    return { key: parsed, id: parsed === key ? key : keyId(parsePublicPem(key, this.#options)) };
  }
}

/** The ring itself, or a new one of the given keys. */
export function toKeyRing(publicKeys: PublicKeys, options: CryptoOptions = {}): KeyRing {
  return publicKeys instanceof KeyRing ? publicKeys : new KeyRing(publicKeys, options);
}

function isRoleKey(given: Trusted): given is RoleKey {
  return typeof given === "object" && given !== null && "key" in given;
}

/** Parses a private key unless it is parsed already. */
export function toSigningKey(key: PrivateKey, options: CryptoOptions = {}): SigningKey {
  if (typeof key === "object" && key !== null && typeof key.sign === "function") return key;
  return (options.crypto ?? defaultCrypto()).signingKey(key as string);
}

/**
 * Parses a public key unless it is parsed already.
 *
 * @throws ValidationError `INVALID_KEY`, naming its owner.
 */
export function toVerifyingKey(owner: string, key: PublicKey, options: CryptoOptions = {}): VerifyingKey {
  if (typeof key === "object" && key !== null && typeof key.verify === "function") return key;
  try {
    return (options.crypto ?? defaultCrypto()).verifyingKey(key as string, options);
  } catch (cause) {
    throw invalidKey(
      `public key of "${owner}" cannot be used: ${cause instanceof Error ? cause.message : ""}`,
      cause,
    );
  }
}

/** A new P-256 key pair in PEM. */
export function generateKeyPair(options: CryptoOptions = {}): KeyPair {
  return (options.crypto ?? defaultCrypto()).generateKeyPair();
}
