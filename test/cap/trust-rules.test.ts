import { describe, expect, it } from "vitest";
import { type BusPacket, ComponentRole, TRUST_MAX_PACKET_BYTES } from "../../gen/cap/index.js";
import { createPacket, encodePacket } from "../../src/cap/packet.js";
import { acceptChallenge, acceptResult } from "../../src/cap/trust/handshake.js";
import { checkTrustPacket, decodeTrustPacket } from "../../src/cap/trust/messages.js";
import { trustHandshake } from "./trust-handshake.ts";

const { clock, trust, asked, challenge, genuine } = await trustHandshake();

// biome-ignore lint/suspicious/noExplicitAny: the tests break every member, whatever its type
type Change = (packet: BusPacket, value: any) => void;
type Phase = keyof typeof genuine;

const changed = (phase: Phase, change: Change): BusPacket => {
  const packet = decodeTrustPacket(genuine[phase]);
  change(packet, packet.payload.value);
  return packet;
};
const seconds = (ms: number) => ({
  $typeName: "google.protobuf.Timestamp",
  seconds: BigInt(ms / 1000),
  nanos: 0,
});
const startMs = clock.now() - (clock.now() % 1000);
const lasting =
  (ms: number): Change =>
  (_, { challenge, ...own }) => {
    Object.assign(challenge ?? own, { issuedAt: seconds(startMs) });
    Object.assign(challenge ?? own, { expiresAt: seconds(startMs + ms) });
  };
const envelope =
  (members: Partial<BusPacket>): Change =>
  (packet) =>
    Object.assign(packet, members);
const own =
  (members: object): Change =>
  (_, value) =>
    Object.assign(value, members);
const unsigned = envelope({ signature: new Uint8Array() });
const unknown = [{ no: 500, wireType: 0, data: Uint8Array.of(1) }];

const everywhere: readonly Change[] = [
  unsigned,
  envelope({ createdAt: undefined }),
  envelope({ protocolVersion: 2 }),
  envelope({ senderId: "" }),
  envelope({ traceId: "another" }),
  envelope({ $unknown: unknown }),
  own({ $unknown: unknown }),
];
const terms: readonly Change[] = [
  own({ protocolVersion: 2 }),
  own({ purpose: 0 }),
  own({ purpose: 3 }),
  own({ proofAlgorithm: 0 }),
  own({ clientNonce: new Uint8Array(31) }),
  own({ clientNonce: new Uint8Array(33) }),
];
const challenges: readonly Change[] = [
  ...terms,
  own({ serverNonce: new Uint8Array(31) }),
  own({ traceId: "another" }),
  own({ issuedAt: undefined }),
  own({ expiresAt: undefined }),
  (_, value) => Object.assign(value, { expiresAt: value.issuedAt }),
  (_, value) => Object.assign(value, { issuedAt: seconds(startMs), expiresAt: seconds(startMs + 61_000) }),
];
const inside = (changes: readonly Change[]): Change[] =>
  changes.map(
    (change) =>
      (packet, { challenge }) =>
        change(packet, challenge),
  );
const says =
  (members: object): Change =>
  (_, { capabilityHandshake }) =>
    Object.assign(capabilityHandshake, members);
const rejected: Change = (packet, value) => {
  packet.authToken = "";
  Object.assign(value, { accepted: false, rejectionReason: 1, tokenExpiresAt: undefined });
};
const and =
  (...changes: readonly Change[]): Change =>
  (packet, value) => {
    for (const change of changes) change(packet, value);
  };

/** What breaks a rule of each packet. */
const broken: Record<Phase, readonly Change[]> = {
  request: [
    ...terms,
    envelope({ senderId: "w-2" }),
    envelope({ authToken: "t" }),
    own({ traceId: "another" }),
  ],
  challenge: [...challenges, envelope({ authToken: "t" })],
  authenticate: [
    ...inside(challenges),
    own({ challenge: undefined }),
    own({ capabilityHandshake: undefined }),
    envelope({ senderId: "w-2" }),
    envelope({ authToken: "t" }),
    (_, { challenge }) => Object.assign(challenge, { purpose: 2 }), // renew, without the current token
    and((_, { challenge }) => Object.assign(challenge, { purpose: 2 }), envelope({ authToken: "a b" })),
    says({ componentId: "w-2" }),
    says({ sdkVersion: "another" }),
    says({ role: ComponentRole.SCHEDULER }),
    ...[[], [2], [1, 1]].map((supportedVersions) => says({ supportedVersions })),
    ...[{ a: false }, { A: true }, { "": true }].map((capabilities) => says({ capabilities })),
    ...[["a", "a"], [" "]].map((readyTopics) => says({ readyTopics })),
  ],
  result: [
    ...inside(challenges),
    own({ challenge: undefined }),
    own({ issuedAt: undefined }),
    envelope({ authToken: "" }),
    envelope({ authToken: "a b" }),
    own({ tokenExpiresAt: undefined }),
    (_, value) => Object.assign(value, { tokenExpiresAt: value.issuedAt }),
    own({ rejectionReason: 1 }),
    and(rejected, own({ rejectionReason: 0 })),
    and(rejected, own({ rejectionReason: 999 })),
    and(rejected, envelope({ authToken: "t" })),
    and(rejected, (_, value) => Object.assign(value, { tokenExpiresAt: value.issuedAt })),
    and(rejected, unsigned),
  ],
};

/** What keeps all rules. */
const kept: Record<Phase, readonly Change[]> = {
  request: [own({ purpose: 2 })],
  challenge: [
    (_, value) => Object.assign(value, { issuedAt: seconds(startMs), expiresAt: seconds(startMs + 60_000) }),
  ],
  authenticate: [
    lasting(60_000),
    says({ capabilities: {}, readyTopics: [] }),
    and((_, { challenge }) => Object.assign(challenge, { purpose: 2 }), envelope({ authToken: "current" })),
  ],
  result: [rejected, lasting(1_000)],
};

describe.each(Object.keys(genuine) as Phase[])("the %s", (phase) => {
  it("is taken as it is, and with what its rules allow", () => {
    for (const change of [() => {}, ...kept[phase]])
      expect(() => checkTrustPacket(changed(phase, change))).not.toThrow();
  });

  it("is refused when any rule is broken", () => {
    for (const change of [...everywhere, ...broken[phase]]) {
      const check = () => checkTrustPacket(changed(phase, change));
      expect(check, `${change}`).toThrow(expect.objectContaining({ code: "TRUST_PACKET" }));
    }
  });

  it("is refused when a text is missing", () => {
    const { value } = decodeTrustPacket(genuine[phase]).payload as { value: { challenge?: object } };
    const texts = Object.entries(value.challenge ?? value).filter(([, one]) => typeof one === "string");
    for (const [name] of texts.filter(([name]) => !name.startsWith("$")))
      for (const text of ["", " "]) {
        const check = () =>
          checkTrustPacket(changed(phase, (_, one) => Object.assign(one.challenge ?? one, { [name]: text })));
        expect(check, name).toThrow(expect.objectContaining({ code: "TRUST_PACKET" }));
      }
  });
});

it("a packet has as many bytes as the profile allows, and at least one", () => {
  const padded = (count: number) => encodePacket(changed("request", own({ sdkVersion: "1".repeat(count) })));
  const size = 40_000 + TRUST_MAX_PACKET_BYTES - padded(40_000).length;
  expect(padded(size).length).toBe(TRUST_MAX_PACKET_BYTES);
  expect(decodeTrustPacket(padded(size)).senderId).toBe("w-1");
  for (const bytes of [padded(size + 1), new Uint8Array()])
    expect(() => decodeTrustPacket(bytes)).toThrow(`packet size must be 1..${TRUST_MAX_PACKET_BYTES}`);
});

it("what is no packet, or a packet of no phase, is refused", async () => {
  const ordinary = createPacket(
    { case: "heartbeat", value: { workerId: "w-1" } },
    { senderId: "w-1", clock },
  );
  for (const bytes of [Uint8Array.of(0xff), encodePacket(ordinary)])
    expect(() => decodeTrustPacket(bytes)).toThrow(expect.objectContaining({ code: "TRUST_PACKET" }));
  await expect(acceptChallenge(trust, ordinary, ordinary, clock.now())).rejects.toThrow(
    "must be a challenge",
  );
  await expect(acceptResult(trust, challenge, "", ordinary, clock.now())).rejects.toThrow("must be a result");
});

it("an answer of another phase is none", async () => {
  const packets = Object.values(genuine).map(decodeTrustPacket);
  for (const packet of packets) {
    if (packet.payload.case !== "workerHandshakeChallenge")
      await expect(acceptChallenge(trust, asked, packet, clock.now())).rejects.toThrow("must be a challenge");
    if (packet.payload.case !== "workerHandshakeResult")
      await expect(acceptResult(trust, challenge, "", packet, clock.now())).rejects.toThrow(
        "must be a result",
      );
  }
  const empty = changed("result", own({ challenge: undefined }));
  await expect(acceptResult(trust, challenge, "", empty, clock.now())).rejects.toThrow("must be a result");
});
