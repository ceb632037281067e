import type { DescMessage, Message, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import { type PacketIssue, protocol } from "../../gen/cap/index.js";

/** What packets are built, checked and encoded by. `agentwire gen` writes one for a fork of the protos. */
export interface PacketProtocol {
  readonly packet: DescMessage;
  readonly payloads: {
    readonly [payload: string]: {
      readonly travels: "packet" | "worker-trust";
      readonly subjects: readonly string[];
    };
  };
  checkEnvelope(packet: Message, issues: PacketIssue[]): void;
  checkPayload(packet: Message, issues: PacketIssue[]): void;
}

/** The protocol of the package, and the default everywhere. */
export const capProtocol = protocol satisfies PacketProtocol;

/** The packet type of a protocol. Where it is not known which one, that of the package: forks only add to it. */
type SchemaOf<P extends PacketProtocol> = PacketProtocol extends P ? typeof protocol.packet : P["packet"];
type PayloadOf<T> = T extends { payload?: infer Payload } ? Payload : never;
type ValueOf<T> = T extends { case: "jobRequest"; value: infer Value } ? Value : never;

/** A packet of a protocol. */
export type PacketOf<P extends PacketProtocol> = MessageShape<SchemaOf<P>>;

/** A job request of a protocol. */
export type RequestOf<P extends PacketProtocol> = ValueOf<PayloadOf<PacketOf<P>>>;

/** A payload of a protocol, as it is sent. */
export type PayloadInitOf<P extends PacketProtocol> = NonNullable<
  PayloadOf<Exclude<MessageInitShape<SchemaOf<P>>, Message>>
>;
