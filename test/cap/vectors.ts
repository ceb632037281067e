/** The recorded CAP vectors, as typed data. How they were made: test/vectors/README.md. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

const folder = join(import.meta.dirname, "../vectors/cap");

function load<T>(name: string): T {
  return JSON.parse(readFileSync(join(folder, name), "utf8")) as T;
}

export interface PacketVector {
  readonly name: string;
  readonly sender_id: string;
  readonly key: "client" | "worker" | "scheduler";
  readonly json: Record<string, unknown>;
  readonly canonical_unsigned_b64: string;
  readonly canonical_unsigned_spec_b64?: string;
  readonly sha256_hex: string;
  readonly signature_der_b64: string;
  readonly packet_b64: string;
  readonly packet_spec_b64?: string;
  readonly sdk_validation_errors: readonly (readonly [string, string])[];
  readonly accepted_with_keys: boolean;
  readonly accepted_without_keys: boolean;
  readonly map_orders_agree: boolean;
}

export interface NegativeVector {
  readonly name: string;
  readonly packet_b64: string;
  readonly public_keys: "all" | "empty" | "all+p384";
  readonly accepted_with_keys: boolean;
  readonly accepted_without_keys: boolean;
  readonly canonical_unsigned_b64: string | null;
}

export interface MessageVector {
  readonly type: string;
  readonly json: Record<string, unknown>;
  readonly deterministic_b64: string;
  readonly deterministic_spec_b64: string;
}

export interface SmallVectors {
  readonly pointers: readonly { pointer: string; key: string | null; error: string | null }[];
  readonly agent_names: readonly { input: string; output: string }[];
  readonly trust_modes: readonly { input: string; mode?: string; error?: string }[];
}

export const packets = load<PacketVector[]>("packets.json");
export const negative = load<NegativeVector[]>("negative.json");
export const messages = load<MessageVector[]>("messages.json");
export const small = load<SmallVectors>("small.json");

/** A key file, such as `client.pkcs8.pem`. */
export function keyFile(name: string): string {
  return readFileSync(join(folder, "keys", name), "utf8");
}

/** The public keys of the three senders of the vectors. */
export const senderKeys = {
  "client-1": keyFile("client.pub.pem"),
  "worker-1": keyFile("worker.pub.pem"),
  "scheduler-1": keyFile("scheduler.pub.pem"),
} as const;

export function fromBase64(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "base64"));
}

export function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64");
}
