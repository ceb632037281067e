/** Options of the trust handshake of a worker, checked and with defaults. */
import { TRUST_AUDIENCE } from "../../../gen/cap/index.js";
import { type Env, rawEnv } from "../../core/env.js";
import { ValidationError } from "../../core/errors.js";
import type { Logger } from "../../core/logger.js";
import { checkOption, checkOptions } from "../../core/options.js";
import { VERSION } from "../../core/version.js";
import type { CoreOptions } from "../agent/options.js";
import type { SigningKey, VerifyingKey } from "../crypto/backend.js";
import {
  type CryptoOptions,
  type PrivateKey,
  type PublicKey,
  toSigningKey,
  toVerifyingKey,
} from "../crypto/key-ring.js";
import { onP256 } from "../crypto/pem.js";

const MODE_VARIABLE = "CORDUM_SDK_HANDSHAKE";
const UP_TO_A_MINUTE = { above: 0, max: 60_000 };
const RULES = {
  timeoutMs: UP_TO_A_MINUTE,
  renewMinIntervalMs: UP_TO_A_MINUTE,
  retries: { min: 1, max: 10, whole: true },
};

/** What a worker does about the worker trust exchange: nothing, try it, or refuse to run without it. */
export type WorkerTrustMode = "off" | "warn" | "enforce";

/**
 * Reads a trust mode as `CORDUM_SDK_HANDSHAKE` gives it: any case, white space around it ignored.
 *
 * @throws ValidationError `INVALID_TRUST_MODE` for anything else, an empty text included.
 */
export function parseWorkerTrustMode(text: string): WorkerTrustMode {
  const mode = text.trim().toLowerCase();
  if (mode === "off" || mode === "warn" || mode === "enforce") return mode;
  throw new ValidationError("worker trust mode must be off, warn or enforce", { code: "INVALID_TRUST_MODE" });
}

/** Who the worker is for the scheduler, and which scheduler it believes. Enrollment is out of band. */
export interface WorkerTrustConfig {
  /**
   * `warn`: a scheduler that does not respond costs the session, not the start. `enforce`: no session, no work. In both,
   * jobs are taken from the pinned scheduler only, and a handshake that breaks a rule ends the start.
   *
   * Default: CORDUM_SDK_HANDSHAKE.
   */
  readonly mode?: WorkerTrustMode | undefined;
  /** The agent the worker is enrolled as; a challenge for another one is refused. */
  readonly expectedAgentId: string;
  /** The tenant the worker is enrolled in. */
  readonly tenantId: string;
  /** Name of the worker's key at the scheduler. */
  readonly proofKeyId: string;
  /** The enrolled private key, on P-256. */
  readonly proofPrivateKey: PrivateKey;
  /** Sender id of the scheduler. Default: "cordum-scheduler". */
  readonly expectedSchedulerId?: string | undefined;
  /** The scheduler's public keys by key id, on P-256; several while keys are rotated. */
  readonly schedulerPublicKeys: Readonly<Record<string, PublicKey>> | ReadonlyMap<string, PublicKey>;
  /** Default: `agentwire/` and the version. */
  readonly sdkVersion?: string | undefined;
  /** Bound of each of the two requests of a handshake, up to 60000. Default: 10000. */
  readonly timeoutMs?: number | undefined;
  /** Attempts at a handshake, 1 to 10. Only a scheduler that does not respond is asked again. Default: 3. */
  readonly retries?: number | undefined;
  /** Shortest wait before a renewal, up to 60000. A token that lives shorter is renewed at 90 % of its life. Default: 30000. */
  readonly renewMinIntervalMs?: number | undefined;
}

/** Worker trust: a configuration, or `{ mode: "off" }` whatever CORDUM_SDK_HANDSHAKE says. */
export type WorkerTrustOptions = WorkerTrustConfig | { readonly mode: "off" };

type WithDefault = "expectedSchedulerId" | "sdkVersion" | "timeoutMs" | "retries" | "renewMinIntervalMs";

/** Checked options of a worker whose trust is on. */
export interface WorkerTrust
  extends Pick<WorkerTrustConfig, "expectedAgentId" | "tenantId" | "proofKeyId">,
    Readonly<{ [Name in WithDefault]: NonNullable<WorkerTrustConfig[Name]> }> {
  readonly mode: "warn" | "enforce";
  readonly workerId: string;
  readonly proofKey: SigningKey;
  readonly schedulerKeys: ReadonlyMap<string, VerifyingKey>;
}

/**
 * The trust a worker runs under, or undefined when it is off.
 *
 * @throws ValidationError `TRUST_CONFIG` for a mode without its configuration, a configuration without its mode, ids
 * other than 1 to 256 visible ASCII characters; `INVALID_TRUST_MODE`; `INVALID_KEY`; for numbers out of bounds.
 */
export function resolveWorkerTrust(
  options: WorkerTrustOptions | undefined,
  workerId: string,
  env?: Env,
  crypto?: CryptoOptions,
): WorkerTrust | undefined {
  const text = options?.mode ?? rawEnv(MODE_VARIABLE, env);
  if (text === undefined && options === undefined) return undefined;
  // Whatever is set besides the mode is meant as a configuration, also if a member of it is missing.
  const isConfigured = Object.keys(options ?? {}).some((name) => name !== "mode");
  const config = isConfigured ? (options as WorkerTrustConfig) : undefined;
  if (text === undefined)
    throw invalid("workerTrust requires a mode: set `mode`, or CORDUM_SDK_HANDSHAKE, to warn or enforce");
  checkOption("workerTrust.mode", text, "string");
  const mode = parseWorkerTrustMode(text);
  if (mode === "off") {
    if (config === undefined) return undefined;
    throw invalid(
      "worker trust is off, but `workerTrust` is configured: remove it, or set the mode to warn or enforce",
    );
  }
  if (config === undefined)
    throw invalid(
      `worker trust mode ${mode} requires \`workerTrust\`: the ids and keys of this worker's enrollment`,
    );
  const { expectedSchedulerId = TRUST_AUDIENCE, sdkVersion = `agentwire/${VERSION}` } = config;
  const { timeoutMs = 10_000, retries = 3, renewMinIntervalMs = 30_000 } = config;
  const { expectedAgentId, tenantId, proofKeyId } = config;
  const ids = { workerId, expectedAgentId, tenantId, proofKeyId, expectedSchedulerId, sdkVersion };
  for (const [name, id] of Object.entries(ids)) checkId(name, id);
  checkOptions(config, RULES);
  return {
    ...ids,
    mode,
    proofKey: toSigningKey(config.proofPrivateKey, crypto),
    schedulerKeys: keysById("workerTrust.schedulerPublicKeys", config.schedulerPublicKeys, crypto),
    timeoutMs,
    retries,
    renewMinIntervalMs,
  };
}

/**
 * For a worker that takes no part in worker trust: holds it to what is asked of it. It may hold a session of its own,
 * which it then passes as `sessionToken`.
 *
 * @throws ValidationError `TRUST_CONFIG` for options, and for the mode `enforce` without a token; `INVALID_TRUST_MODE`.
 */
export function refuseWorkerTrust(
  { workerTrust, sessionToken, env }: Pick<CoreOptions, "workerTrust" | "sessionToken" | "env">,
  log: Logger,
): undefined {
  if (workerTrust !== undefined)
    throw invalid("only an Agent takes part in worker trust: remove `workerTrust`, or use Agent");
  const text = rawEnv(MODE_VARIABLE, env);
  const mode = text === undefined ? "off" : parseWorkerTrustMode(text);
  if (mode === "off" || sessionToken) return; // an empty token does not count
  const problem = `${MODE_VARIABLE} is ${mode}, but only an Agent takes part in worker trust: use Agent, or pass the \`sessionToken\` of a session that you hold`;
  if (mode === "enforce") throw invalid(problem);
  log.warn(problem);
}

/**
 * Parses public keys by key id; P-256 only.
 *
 * @throws ValidationError `INVALID_KEY`, naming the key id; `TRUST_CONFIG` when there is none.
 */
export function keysById(
  name: string,
  given: WorkerTrustConfig["schedulerPublicKeys"],
  crypto?: CryptoOptions,
): ReadonlyMap<string, VerifyingKey> {
  const keys = new Map<string, VerifyingKey>();
  const entries = given instanceof Map ? given : Object.entries(given ?? {});
  for (const [keyId, key] of entries as Iterable<[string, PublicKey]>) {
    checkId(`${name} key id`, keyId);
    const parsed = toVerifyingKey(keyId, key, { ...crypto, allowP384: false });
    keys.set(keyId, onP256(keyId, parsed));
  }
  if (keys.size === 0) throw invalid(`${name} requires at least one key`);
  return keys;
}

function checkId(name: string, id: unknown): void {
  if (typeof id === "string" && /^[\x21-\x7e]{1,256}$/.test(id)) return;
  throw invalid(`${name} must be 1 to 256 visible ASCII characters`);
}

function invalid(message: string): ValidationError {
  return new ValidationError(message, { code: "TRUST_CONFIG" });
}
