/**
 * The blocks of a PEM text. Files often hold more than a key: parameters, a certificate, text in front. And keys
 * that travel in environment variables often come on one line, with `\n` spelled out or lost.
 */
import { ValidationError } from "../../core/errors.js";
import type { VerifyingKey } from "./backend.js";

/** The text or bytes are not a key that can be used. The message never shows the key. */
export function invalidKey(problem: string, cause?: unknown): ValidationError {
  return new ValidationError(problem, { code: "INVALID_KEY", cause });
}

/** One `-----BEGIN …-----` block. */
export interface PemBlock {
  readonly label: string;
  readonly der: Uint8Array;
}

const BLOCK = /-----BEGIN ([A-Z0-9 ]+)-----([^-]*(?:-(?!----)[^-]*)*)-----END \1-----/g;

/**
 * The first block with one of the labels.
 *
 * @throws ValidationError `INVALID_KEY` when there is none, naming the blocks that are there.
 */
export function pemBlock(pem: unknown, labels: readonly string[]): PemBlock {
  if (typeof pem !== "string")
    throw invalidKey(`a key must be PEM text, is ${pem === null ? "null" : typeof pem}`);
  const found: string[] = [];
  for (const [, label, body] of pem.matchAll(BLOCK)) {
    if (labels.includes(label!)) return { label: label!, der: bytesOf(body!) };
    found.push(label!);
  }
  const expected = labels.map((label) => `"${label}"`).join(" or ");
  if (labels.includes("PRIVATE KEY") && found.includes("ENCRYPTED PRIVATE KEY")) throw encrypted();
  if (found.length > 0) throw invalidKey(`expected a PEM block ${expected}, found "${found.join('", "')}"`);
  if (pem.includes("-----BEGIN ")) throw invalidKey("the PEM text has a BEGIN line without its END line");
  throw invalidKey(`expected PEM text with a block -----BEGIN ${labels[0]}-----`);
}

function encrypted(): ValidationError {
  return invalidKey("the private key is encrypted: decrypt it first, as with `openssl pkey -in key.pem`");
}

function bytesOf(body: string): Uint8Array {
  if (/^(\s|\\[rn])*Proc-Type:/.test(body)) throw encrypted();
  try {
    return Uint8Array.from(atob(body.replace(/\\[rn]|\s/g, "")), (char) => char.charCodeAt(0));
  } catch (cause) {
    throw invalidKey("the PEM block is not base64", cause);
  }
}

/** A PEM text of one block. */
export function pemText({ label, der }: PemBlock): string {
  const lines = btoa(String.fromCharCode(...der)).match(/.{1,64}/g)!;
  return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
}

/** @throws ValidationError `INVALID_KEY` unless the key is on P-256, and says so. */
export function onP256(keyId: string, key: VerifyingKey): VerifyingKey {
  if (key.curve === "P-256") return key;
  throw invalidKey(`public key of "${keyId}" must be on P-256, is on ${key.curve ?? "an unknown curve"}`);
}
