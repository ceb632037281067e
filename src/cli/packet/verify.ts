/** `agentwire verify`: is the signature of a packet right, and if not, why? */

import { InvalidArgumentError } from "commander";
import type { Role } from "../../cap/crypto/key-ring.js";
import { parseTime } from "../../core/time.js";
import { type CliCommand, mapOrder, repeated, UsageError } from "../command.js";
import { EXIT } from "../exit-codes.js";
import { type InputOptions, interpret, readBytes, readInput, takesInput } from "../input.js";
import { columns, type Io, oneLine, paint } from "../io.js";
import { readKeyFiles } from "../key-files.js";
import { diagnose } from "./diagnose.js";
import { isPacket } from "./packet-view.js";
import { onePacket } from "./read.js";
import type { Verdict } from "./verdict.js";

interface VerifyOptions extends InputOptions {
  readonly key: readonly string[];
  readonly mapOrder: "any" | "spec" | "upb";
  readonly acceptRawOrder?: boolean;
  readonly allowP384?: boolean;
  readonly subject?: string;
  readonly tenant?: string;
  readonly at?: number;
  readonly earlier: readonly string[];
  readonly role: readonly string[];
}

/** `agentwire verify`. */
export const verifyCommand: CliCommand = {
  configure: (command) =>
    takesInput(command)
      .requiredOption(
        "--key <sender=pem>",
        "file with the public key of a sender; without SENDER= it is tried for every sender",
        repeated,
      )
      .addOption(mapOrder("accept signatures over maps in this order only", ["any", "spec", "upb"]))
      .option(
        "--accept-raw-order",
        "accept signatures over the bytes as received, as older Go SDKs make them",
      )
      .option("--allow-p384", "accept P-384 keys, as cap-sdk-python does")
      .option(
        "--subject <subject>",
        "subject the packet arrived on: its topic, its audience and roles are checked",
      )
      .option("--tenant <id>", "tenant of the receiver, for CAP-PRODUCTION")
      .option("--role <sender=role>", "client, scheduler or worker: what a sender may send", repeated, [])
      .option("--earlier <file>", "a packet that was accepted before, to detect a replay", repeated, [])
      .option("--at <time>", "judge expiry as of this time (RFC 3339) instead of now", rfc3339),
  notes: "Exit code 1: the packet does not verify; docs/cli.md lists the reasons.",
  examples: [
    ["verify packet.bin --key client-1=client-1.pub.pem", "one sender"],
    ["verify --key keys/a.pub.pem --json < packet.b64", "any sender, for a program"],
    ["verify packet.bin --key w=w.pub.pem --map-order spec", "would a Go peer accept it?"],
    ["verify job.bin --key s=s.pub.pem --subject job.echo --tenant t-1", "a job under CAP-PRODUCTION"],
  ],
  async run(options: VerifyOptions, io, [given]) {
    const roles = rolesBySender(options.role);
    const files = await readKeyFiles(options.key);
    const bytes = onePacket(await readInput(options, io, given, isPacket));
    const earlier: Uint8Array[] = [];
    for (const path of options.earlier)
      earlier.push(onePacket(interpret(await readBytes(path), "auto", isPacket)));
    const verdict = await diagnose(bytes, files, {
      ...options,
      tenantId: options.tenant,
      atMs: options.at,
      earlier,
      roles,
      mapOrder: options.mapOrder === "any" ? undefined : options.mapOrder,
    });
    return { exitCode: verdict.ok ? EXIT.ok : EXIT.no, text: format(verdict, io), result: verdict };
  },
};

function rolesBySender(values: readonly string[]): ReadonlyMap<string, readonly Role[]> {
  const roles = new Map<string, Role[]>();
  for (const value of values) {
    const [, sender, role] = /^(.+)=(client|scheduler|worker)$/.exec(value) ?? [];
    if (sender === undefined)
      throw new UsageError(`--role must be SENDER=client, scheduler or worker, is "${value}"`);
    roles.set(sender, [...(roles.get(sender) ?? []), role as Role]);
  }
  return roles;
}

function rfc3339(text: string): number {
  const ms = parseTime(text, { assumeUtc: true });
  if (ms === undefined) throw new InvalidArgumentError("Expected a time such as 2026-01-31T12:00:00Z.");
  return ms;
}

function format(verdict: Verdict, io: Io): string {
  const { ok, problem, text, advice, sender, payload, signedOver } = verdict;
  const title = ok ? paint(io, "green", "verified") : paint(io, "red", `NOT VERIFIED (${problem})`);
  return `${title}: ${oneLine(text)}\n${columns(
    [
      ["sender", sender === undefined ? undefined : oneLine(sender) || "none"],
      ["payload", payload],
      ["signed over", signedOver],
      [ok ? "note" : "what to do", advice && oneLine(advice)],
    ].filter((row): row is [string, string] => row[1] !== undefined),
    "  ",
  )}`;
}
