/** Worker trust in `agentwire dev`: who is enrolled, with which faults, and the files that workers read. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { toSigningKey } from "../../cap/crypto/key-ring.js";
import { KeyRing, type PublicKeys } from "../../cap/index.js";
import type { LocalScheduler, LocalSchedulerOptions } from "../../testing/index.js";
import { TRUST_FAULTS, type TrustFault } from "../../testing/scheduler/trust.js";
import { UsageError } from "../command.js";
import { writeNew } from "../files.js";

/** Workers that are issued sessions. */
export interface DevTrust {
  readonly workers: readonly string[];
  /** Of the handshakes to come, in order. */
  readonly faults: readonly TrustFault[];
  /** Dispatch jobs under CAP-PRODUCTION. */
  readonly production: boolean;
}

/** Reads `--trust WORKER`, `--fault` and `--production`. Undefined without a worker. @throws UsageError */
export function devTrustOf(
  workers: readonly string[],
  faults: readonly string[] = [],
  production = false,
): DevTrust | undefined {
  for (const worker of workers)
    if (!/^[\w-][\w.-]*$/.test(worker) || worker.endsWith(".pem"))
      throw new UsageError(`--trust must be SENDER=PEM, or the id of a worker to enroll, not "${worker}"`);
  if (workers.length === 0 && (faults.length > 0 || production))
    throw new UsageError("--fault and --production require a worker to enroll: --trust WORKER");
  const known = faults.map((given) => {
    const fault = TRUST_FAULTS.find((name) => name === given.replaceAll("-", " "));
    if (fault !== undefined) return fault;
    throw new UsageError(`--fault must be ${TRUST_FAULTS.join(", ")}, not "${given}"`);
  });
  return workers.length === 0 ? undefined : { workers, faults: known, production };
}

/** The options of a scheduler that issues sessions, and the keys it takes packets with. */
export function schedulerTrust(
  trust: DevTrust | undefined,
  publicKeys: PublicKeys | undefined,
): Pick<LocalSchedulerOptions, "trust" | "publicKeys"> {
  if (trust === undefined) return { publicKeys };
  const { faults, production } = trust;
  if (publicKeys === undefined) return { trust: { faults, production } };
  const ring = publicKeys instanceof KeyRing ? publicKeys : new KeyRing(publicKeys);
  return { trust: { faults, production }, publicKeys: ring };
}

/**
 * Enrolls the workers, and writes what each has to be given into `<worker>.json` in a folder of its own, which the
 * returned variable names.
 */
export async function enrollWorkers(
  scheduler: LocalScheduler,
  { workers }: DevTrust,
  publicKeys: PublicKeys | undefined,
): Promise<{ readonly env: Readonly<Record<string, string>>; remove(): Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), "agentwire-trust-"));
  for (const worker of workers) {
    const config = scheduler.enroll(worker);
    if (publicKeys instanceof KeyRing)
      publicKeys.add(worker, toSigningKey(config.proofPrivateKey).publicKeyPem);
    const text = JSON.stringify({ workerId: worker, ...config }, undefined, 2);
    await writeNew(join(folder, `${worker}.json`), `${text}\n`, { mode: 0o600 });
  }
  return {
    env: { CORDUM_SDK_HANDSHAKE: "enforce", AGENTWIRE_TRUST: folder },
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}
