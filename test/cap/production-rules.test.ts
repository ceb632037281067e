/** The rules of CAP-PRODUCTION, each broken once: what the error says, and of which class it is. */
import { create } from "@bufbuild/protobuf";
import { expect, it } from "vitest";
import {
  type BusPacket,
  DispatchIdentitySchema,
  IdentityBindingSchema,
  JobRequestSchema,
} from "../../gen/cap/index.js";
import {
  DuplicateJobError,
  generateKeyPair,
  PermissionDeniedError,
  SignatureInvalidError,
  toSigningKey,
} from "../../src/cap/index.js";
import { createPacket, decodePacket, encodePacket } from "../../src/cap/packet.js";
import { refusal } from "../../src/cap/production/error.js";
import { freezeAuthority } from "../../src/cap/production/identity.js";
import {
  bindAuthority,
  checkIdentity,
  openProduction,
  sealProduction,
} from "../../src/cap/production/index.js";
import { keysById } from "../../src/cap/trust/config.js";
import { ConflictError, ValidationError } from "../../src/core/errors.js";
import { FakeClock } from "../../src/testing/fake-clock.js";

const clock = new FakeClock();
const { privateKeyPem, publicKeyPem } = generateKeyPair();
const who = { tenantId: "t-1", principalId: "p-1", actorId: "a-1", delegationId: "d-1" };
const dispatch = create(DispatchIdentitySchema, { dispatchId: "x-1", attempt: 1n, assignedWorkerId: "w-1" });
const value = { jobId: "j-1", topic: "job.echo", contextPtr: "redis://ctx:1", dispatch };
const packet = createPacket({ case: "jobRequest", value }, { senderId: "s-1", clock });
packet.identity = create(IdentityBindingSchema, who);
const options = { key: toSigningKey(privateKeyPem), keyId: "k", audience: "job.echo", clock };
const genuine = await sealProduction(packet, options);
const trust = {
  ...{ audience: "job.echo", tenantId: "t-1", senderId: "s-1", clock },
  keys: keysById("keys", { k: publicKeyPem }),
};

const metadata = (members: object) => (changed: BusPacket) =>
  Object.assign(changed.signatureMetadata!, members);
const envelope = (members: Partial<BusPacket>) => (changed: BusPacket) => Object.assign(changed, members);

it.each<[string, (changed: BusPacket) => unknown]>([
  ["missing_signature", envelope({ signature: new Uint8Array() })],
  ["missing_metadata", envelope({ signatureMetadata: undefined as never })],
  ["unsupported_profile", metadata({ profileVersion: "another" })],
  ["unsupported_profile", metadata({ algorithm: "another" })],
  ["malformed", metadata({ messageId: new Uint8Array(1) })],
  ["malformed", metadata({ audience: "" })],
  ["malformed", metadata({ keyId: "" })],
  ["malformed", metadata({ expiresAt: undefined })],
  ["malformed", envelope({ $unknown: [{ no: 500, wireType: 0, data: Uint8Array.of(1) }] })],
  ["wrong_audience", metadata({ audience: "job.other" })],
  ["unknown_key", metadata({ keyId: "another" })],
  ["wrong_tenant", envelope({ identity: create(IdentityBindingSchema, { tenantId: "t-2" }) })],
  ["unknown_sender", envelope({ senderId: "s-2" })],
  ["wrong_signature", envelope({ traceId: "another" })],
])("a packet is refused as %s", async (problem, change) => {
  const changed = decodePacket(genuine);
  change(changed);
  const opening = openProduction(encodePacket(changed), trust);
  await expect(opening).rejects.toMatchObject({ details: { problem } });
});

it("a packet lives from its sealing to its expiry, with the allowed skew on both sides", async () => {
  const lived = (lifetimeMs: number) => sealProduction(packet, { ...options, lifetimeMs });
  const after = async (raw: Uint8Array, ms: number, more: object = {}) => {
    const later = new FakeClock({ now: clock.now() + ms });
    return openProduction(raw, { ...trust, ...more, clock: later }).then(
      () => "taken",
      ({ details }: { details: { problem: string } }) => details.problem,
    );
  };
  const raw = await lived(10_000);
  expect(await after(raw, 9_999)).toBe("taken");
  expect(await after(raw, 10_000)).toBe("expired");
  expect(await after(raw, 10_999, { clockSkewMs: 1_000 })).toBe("taken");
  expect(await after(raw, 11_000, { clockSkewMs: 1_000 })).toBe("expired");
  expect(await after(raw, 0, { maxLifetimeMs: 10_000 })).toBe("taken");
  expect(await after(raw, 0, { maxLifetimeMs: 9_999 })).toBe("lifetime_too_long");
  expect(await after(raw, 0, { maxLifetimeMs: 9_000, clockSkewMs: 1_000 })).toBe("taken");
  for (const lifetimeMs of [0, -1, Number.NaN])
    await expect(lived(lifetimeMs)).rejects.toThrow("lifetimeMs must be");
  for (const bad of [{ clockSkewMs: -1 }, { maxLifetimeMs: 0 }, { maxLifetimeMs: 10, clockSkewMs: 11 }])
    await expect(openProduction(raw, { ...trust, ...bad })).rejects.toThrow(ValidationError);
});

it("an error has the class of its problem, and is retryable if the store is the problem", () => {
  expect(refusal("identity_mismatch", "x")).toBeInstanceOf(PermissionDeniedError);
  for (const problem of ["replayed", "replay_conflict"] as const)
    expect(refusal(problem, "x")).toBeInstanceOf(DuplicateJobError);
  expect(refusal("replay_store_unavailable", "x")).toMatchObject({ retryable: true });
  for (const problem of ["malformed", "wrong_signature", "expired"] as const) {
    expect(refusal(problem, "x")).toBeInstanceOf(SignatureInvalidError);
    expect(refusal(problem, "x")).toMatchObject({ retryable: false, details: { problem } });
  }
});

it("a request that names another identity anywhere is refused", () => {
  const request = (members: object) => create(JobRequestSchema, { ...value, ...members });
  const identity = create(IdentityBindingSchema, who);
  const check = (members: object) => () => checkIdentity(request(members), identity);
  const mirrors = (tenant: string, principal: string, actor: string) => [
    ...[
      { tenantId: tenant },
      { principalId: principal },
      { meta: { tenantId: tenant } },
      { meta: { actorId: actor } },
    ],
    ...[{ env: { tenant_id: tenant } }, { env: { principal_id: principal } }],
    ...[{ identity: { ...who, tenantId: tenant } }, { identity: { ...who, principalId: principal } }],
  ];
  for (const members of [{}, ...mirrors("t-1", "p-1", "a-1")]) expect(check(members)).not.toThrow();
  const others = [...mirrors("t-2", "p-2", "a-2"), { identity: { ...who, delegationId: "d-2" } }];
  for (const members of others)
    expect(check(members), JSON.stringify(members)).toThrow(
      expect.objectContaining({ details: { problem: "identity_mismatch" } }),
    );
  for (const none of [undefined, create(IdentityBindingSchema, { principalId: "p-1" })])
    expect(() => checkIdentity(request({}), none)).toThrow(PermissionDeniedError);
});

it("what answers a request gets its authority, and may not bring another one", () => {
  const authority = freezeAuthority(packet, create(JobRequestSchema, value));
  expect(authority).toMatchObject({ jobId: "j-1", identity: who, dispatch });
  const same = { jobId: "j-1", identity: { ...who }, dispatch: { ...dispatch } };
  for (const event of [{}, { jobId: "" }, same]) {
    expect(bindAuthority({ ...event, percent: 5 }, authority)).toEqual({ ...authority, percent: 5 });
  }
  const others = [
    { jobId: "j-2" },
    ...Object.keys(who).map((key) => ({ identity: { ...who, [key]: "another" } })),
    ...["dispatchId", "attempt", "assignedWorkerId"].map((key) => ({
      dispatch: { ...dispatch, [key]: "7" as never },
    })),
  ];
  for (const event of others) {
    const bind = () => bindAuthority(event, authority);
    expect(bind).toThrow(ConflictError);
    expect(bind).toThrow(expect.objectContaining({ code: "PRODUCTION_CONFLICT" }));
  }
});
