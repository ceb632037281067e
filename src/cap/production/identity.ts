/** On whose behalf a job runs: held to the envelope when it arrives, and echoed by everything that answers it. */
import { create } from "@bufbuild/protobuf";
import type { BusPacket, DispatchIdentity, IdentityBinding, JobRequest } from "../../../gen/cap/index.js";
import { DispatchIdentitySchema, IdentityBindingSchema } from "../../../gen/cap/index.js";
import { ConflictError } from "../../core/errors.js";
import { refusal } from "./error.js";

/**
 * Holds every mirror of the identity in a request to the envelope's; empty ones say nothing.
 *
 * @throws PermissionDeniedError `identity_mismatch`.
 */
export function checkIdentity(request: JobRequest, identity: IdentityBinding | undefined): void {
  if (!identity?.tenantId) throw refusal("identity_mismatch", "missing request or authoritative identity");
  const { tenantId, principalId, actorId } = identity;
  const mirrors: [name: string, text: string | undefined, wanted: string][] = [
    ["tenant", request.tenantId, tenantId],
    ["principal", request.principalId, principalId],
    ["meta.tenant", request.meta?.tenantId, tenantId],
    ["meta.actor", request.meta?.actorId, actorId],
    ["env.tenant", own(request.env, "tenant_id"), tenantId],
    ["env.principal", own(request.env, "principal_id"), principalId],
  ];
  for (const [name, text, wanted] of mirrors)
    if (text && text !== wanted) throw refusal("identity_mismatch", `${name} mismatch`);
  if (request.identity !== undefined && !same(IDENTITY, request.identity, identity))
    throw refusal("identity_mismatch", "request.identity mismatch");
}

/** What an admitted request says of its job. Nothing a handler does reaches it. */
export interface ProductionAuthority {
  readonly jobId: string;
  readonly identity: IdentityBinding;
  readonly dispatch: DispatchIdentity;
}

/** Freezes the authority of an admitted packet, before its handler runs. */
export function freezeAuthority(packet: BusPacket, { jobId, dispatch }: JobRequest): ProductionAuthority {
  return {
    jobId,
    identity: create(IdentityBindingSchema, pick(IDENTITY, packet.identity)),
    dispatch: create(DispatchIdentitySchema, pick(DISPATCH, dispatch)),
  };
}

/** What a result, a progress report or a cancel says of its job. */
interface Event {
  readonly jobId?: string | undefined;
  readonly identity?: Partial<IdentityBinding> | undefined;
  readonly dispatch?: Partial<DispatchIdentity> | undefined;
}

/**
 * The event with the job, identity and dispatch of an admitted request.
 *
 * @throws ConflictError for one that already names others: whoever made it answers for another job.
 */
export function bindAuthority<E extends Event>(
  event: E,
  authority: ProductionAuthority,
): E & ProductionAuthority {
  const { jobId, identity, dispatch } = event;
  if (jobId && jobId !== authority.jobId) throw conflict("job id");
  if (identity !== undefined && !same(IDENTITY, identity, authority.identity)) throw conflict("identity");
  if (dispatch !== undefined && !same(DISPATCH, dispatch, authority.dispatch)) throw conflict("dispatch");
  return { ...event, ...authority };
}

const IDENTITY = ["tenantId", "principalId", "actorId", "delegationId"] as const;
const DISPATCH = ["dispatchId", "attempt", "assignedWorkerId"] as const;

function same<K extends string>(
  keys: readonly K[],
  a: { readonly [key in K]?: unknown },
  b: { readonly [key in K]?: unknown },
): boolean {
  return keys.every((key) => (a[key] || "") === (b[key] || ""));
}

function pick<K extends string, T extends { readonly [key in K]?: unknown }>(
  keys: readonly K[],
  from: T | undefined,
): Partial<Pick<T, K>> {
  const picked: Partial<Pick<T, K>> = {};
  if (from !== undefined) for (const key of keys) picked[key] = from[key];
  return picked;
}

function own(map: Readonly<Record<string, string>>, key: string): string | undefined {
  return Object.hasOwn(map, key) ? map[key] : undefined;
}

function conflict(what: string): ConflictError {
  return new ConflictError(`event ${what} conflicts with the admitted request`, {
    code: "PRODUCTION_CONFLICT",
  });
}
