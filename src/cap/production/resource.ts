/** Structured references to inputs and outputs: their form, and the bytes behind them. */
import { create } from "@bufbuild/protobuf";
import { type ResourceRef, ResourceRefSchema } from "../../../gen/cap/index.js";
import { type Clock, systemClock } from "../../core/clock.js";
import { NotFoundError, ValidationError } from "../../core/errors.js";
import { type BlobStore, keyFromPointer, pointerFor } from "../blob-store.js";
import { equalBytes, sha256 } from "../crypto/backend.js";
import { timestampMs, timestampOf } from "../wire/well-known.js";

const MAX_BYTES = 2 ** 30;
const MAX_URI = 2048;
const MAX_AUTHORITY = 255;
const MAX_LEGACY_KEY = 1024;
const RESOLVER = /^[a-z0-9][a-z0-9._-]{0,127}$/;
const PURPOSE = /^[a-z0-9][a-z0-9._:-]{0,127}$/;
const MEDIA_TYPE = /^(?=.{3,127}$)[a-z0-9][a-z0-9!#$&^_.+-]*\/[a-z0-9][a-z0-9!#$&^_.+-]*$/;
const URI = /^[a-z][a-z0-9+.-]{0,31}:\/\/(.+)$/;
const LEGACY_KEY = /^[A-Za-z0-9][A-Za-z0-9:._@\-[\]]*$/;

/**
 * Checks everything that can be said of a reference without fetching it.
 *
 * @throws ValidationError `INVALID_RESOURCE`.
 */
export function checkResourceRef(ref: ResourceRef, installed: readonly string[], nowMs: number): void {
  if (installed.length === 0) throw invalid("resolver configuration is empty or noncanonical");
  checkResolverIds(installed);
  if (!RESOLVER.test(ref.resolverId)) throw invalid("resolver ID is not canonical");
  if (!installed.includes(ref.resolverId)) throw invalid("resolver is not installed");
  if (!MEDIA_TYPE.test(ref.mediaType)) throw invalid("media type is not canonical");
  if (!PURPOSE.test(ref.purpose)) throw invalid("purpose is not canonical");
  if (ref.sha256.length !== 32) throw invalid("SHA-256 must contain exactly 32 bytes");
  if (ref.sizeBytes < 1n || ref.sizeBytes > MAX_BYTES)
    throw invalid("declared size is outside production bounds");
  checkUri(ref.uri);
  if (ref.expiresAt === undefined) throw invalid("resource expiry is required");
  const expiresMs = timestampMs(ref.expiresAt);
  if (expiresMs === undefined) throw invalid("resource expiry timestamp is invalid");
  if (expiresMs <= nowMs) throw invalid("resource expiry is not in the future");
}

/** @throws ValidationError `INVALID_RESOURCE` for an id that no reference could name. */
export function checkResolverIds(ids: readonly string[]): void {
  if (!ids.every((id) => RESOLVER.test(id))) throw invalid("resolver configuration is empty or noncanonical");
}

function checkUri(uri: string): void {
  if (/[^\0-\x7f]/.test(uri)) throw invalid("resource URI must be ASCII");
  if (uri === "" || uri.length > MAX_URI || uri.trim() !== uri)
    throw invalid("resource URI is empty, untrimmed, or too long");
  if (/[^\x21-\x7e]/.test(uri)) throw invalid("resource URI contains a control character");
  const rest = URI.exec(uri)?.[1];
  if (rest === undefined) throw invalid("resource URI scheme is not canonical");
  if (/[@?#\\%]/.test(rest)) throw invalid("resource URI contains credentials, metadata, or escapes");
  const [authority, ...segments] = rest.split("/");
  if (!authority || authority.length > MAX_AUTHORITY)
    throw invalid("resource URI authority is empty or too long");
  const isNormal = segments.every((segment) => segment !== "" && segment !== "." && !segment.includes(".."));
  if (!isNormal) throw invalid("resource URI path is not normalized");
}

/**
 * The key of a legacy Redis pointer, which stands there without any escapes.
 *
 * @throws ValidationError `INVALID_RESOURCE`.
 */
export function legacyKey(pointer: string): string {
  const bytes = new TextEncoder().encode(pointer).length;
  if (pointer.trim() !== pointer || bytes > pointerFor("").length + MAX_LEGACY_KEY)
    throw invalid("legacy Redis pointer is untrimmed or too long");
  if (!pointer.startsWith(pointerFor(""))) throw invalid("legacy Redis pointer has the wrong scheme");
  const key = pointer.slice(pointerFor("").length);
  const [at, colon] = [key.indexOf("@"), key.indexOf(":")];
  const hasUser = at >= 0 && (colon < 0 || at < colon);
  if (!LEGACY_KEY.test(key) || key.includes("..") || hasUser)
    throw invalid("legacy Redis key is empty or ambiguous");
  return key;
}

/**
 * Holds a legacy pointer to the reference that stands beside it.
 *
 * @throws ValidationError `INVALID_RESOURCE`.
 */
export function checkBeside(pointer: string, ref: ResourceRef): void {
  if (pointer === "") return;
  if (ref.resolverId !== "redis") throw invalid("legacy Redis pointer uses a different resolver");
  if (legacyKey(pointer) !== legacyKey(ref.uri)) throw invalid("legacy and structured references differ");
}

/** Fetches and keeps bytes for the references of one resolver id. */
export interface ResourceResolver {
  /** The bytes of a resource; undefined when there are none. */
  get(uri: string): Promise<Uint8Array | undefined>;
  /** Keeps bytes under a name, and returns their URI. */
  put(name: string, bytes: Uint8Array): Promise<string>;
}

/** A resolver over a blob store: `redis://` and the key. */
export function blobResolver(store: Pick<BlobStore, "get" | "set">): ResourceResolver {
  return {
    get: (uri) => store.get(keyFromPointer(uri)),
    put: async (name, bytes) => {
      await store.set(name, bytes);
      return pointerFor(name);
    },
  };
}

/** What {@link Resources.put} says of the bytes. */
export interface PutResourceOptions {
  readonly resolverId: string;
  /** Name of the resource, such as a key. */
  readonly name: string;
  /** Such as `application/json`, without parameters. */
  readonly mediaType: string;
  /** Such as `job.result`. */
  readonly purpose: string;
  /** How long the reference is good for. Default: 86400000, a day. */
  readonly ttlMs?: number | undefined;
}

/** The installed resolvers. */
export class Resources {
  readonly #resolvers: ReadonlyMap<string, ResourceResolver>;
  readonly #clock: Clock;

  constructor(
    resolvers: Readonly<Record<string, ResourceResolver>>,
    options: { readonly clock?: Clock | undefined } = {},
  ) {
    this.#resolvers = new Map(Object.entries(resolvers));
    this.#clock = options.clock ?? systemClock;
  }

  /**
   * The bytes of a reference, which have its size and its digest. Nothing is fetched for one that is larger than
   * `maxBytes`, has expired, or is of another media type or purpose than is given.
   *
   * @throws ValidationError `INVALID_RESOURCE`; NotFoundError; what the resolver throws.
   */
  async get(
    ref: ResourceRef,
    expected: { readonly maxBytes?: number; readonly mediaType?: string; readonly purpose?: string } = {},
  ): Promise<Uint8Array> {
    checkResourceRef(ref, [...this.#resolvers.keys()], this.#clock.now());
    const { maxBytes = MAX_BYTES, mediaType = ref.mediaType, purpose = ref.purpose } = expected;
    if (ref.sizeBytes > maxBytes)
      throw invalid(`resource of ${ref.sizeBytes} bytes is larger than ${maxBytes}`);
    if (ref.mediaType !== mediaType)
      throw invalid(`resource is of type ${ref.mediaType}, expected ${mediaType}`);
    if (ref.purpose !== purpose) throw invalid(`resource is for ${ref.purpose}, expected ${purpose}`);
    const bytes = await this.#resolvers.get(ref.resolverId)!.get(ref.uri);
    if (bytes === undefined || bytes === null) throw new NotFoundError(`no resource at ${ref.uri}`);
    if (BigInt(bytes.length) !== ref.sizeBytes)
      throw invalid(`resource has ${bytes.length} bytes, its reference says ${ref.sizeBytes}`);
    if (!equalBytes(sha256(bytes), ref.sha256))
      throw invalid("resource has another SHA-256 than its reference");
    return bytes;
  }

  /**
   * Keeps bytes, and returns a reference to them.
   *
   * @throws ValidationError `INVALID_RESOURCE` for a reference that no receiver would take; what the resolver throws.
   */
  async put(bytes: Uint8Array, options: PutResourceOptions): Promise<ResourceRef> {
    const { resolverId, name, mediaType, purpose, ttlMs = 86_400_000 } = options;
    const resolver = this.#resolvers.get(resolverId);
    if (resolver === undefined) throw invalid(`resolver "${resolverId}" is not installed`);
    const now = this.#clock.now();
    const ref = create(ResourceRefSchema, {
      resolverId,
      uri: await resolver.put(name, bytes),
      sha256: sha256(bytes),
      mediaType,
      sizeBytes: BigInt(bytes.length),
      expiresAt: timestampOf(now + ttlMs),
      purpose,
    });
    checkResourceRef(ref, [...this.#resolvers.keys()], now);
    return ref;
  }
}

function invalid(problem: string): ValidationError {
  return new ValidationError(problem, { code: "INVALID_RESOURCE" });
}
