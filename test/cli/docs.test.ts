import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { COMMANDS } from "../../src/cli/commands.js";
import { EXIT_TABLE } from "../../src/cli/exit-codes.js";
import type { VerifyProblem } from "../../src/cli/packet/verdict.js";
import { createProgram } from "../../src/cli/program.js";
import { negative, packets } from "../cap/vectors.ts";
import { req } from "../requirements/index.ts";
import { file, parse, run } from "./cli.ts";

const root = join(import.meta.dirname, "../..");
const guide = readFileSync(join(root, "docs/cli.md"), "utf8");

/** What the guide calls files, as they are here. */
const files: Record<string, string> = {
  "packet.b64": file("packet.b64", packets[0]!.packet_b64),
  "relayed.b64": file("r.b64", negative.find(({ name }) => name === "auth_token_added")!.packet_b64),
  "client-1=client-1.pub.pem": `client-1=${join(root, "test/vectors/cap/keys/client.pub.pem")}`,
};

describe("docs/cli.md", () => {
  const shown = [...guide.matchAll(/```console\n([\s\S]*?)```/g)].flatMap(([, block]) =>
    block!.split(/^\$ agentwire /m).slice(1),
  );

  it.each(shown.map((text) => [text.split("\n")[0]!, text]))("agentwire %s", async (_, text) => {
    const at = text.indexOf("\n");
    const argv = text.slice(0, at).split(" ");
    const { out } = await run(argv.map((word) => files[word] ?? word));
    expect(out).toBe(text.slice(at + 1));
  });

  it("has commands that can be read", async () => {
    const lines = [...guide.matchAll(/```sh\n([\s\S]*?)```/g)].flatMap(([, block]) => block!.split("\n"));
    const commands = lines.filter((line) => line.startsWith("agentwire "));
    expect(commands.length).toBeGreaterThan(5);
    for (const line of commands) {
      await expect(parse(line.split(" > ")[0]!.split(" ").slice(1)), line).resolves.toBe(true);
    }
  });

  it("names only commands and options that exist, and so does the help of every command", async () => {
    const names = COMMANDS.map(({ name }) => name);
    const { commands } = await createProgram(names, { out: () => {}, color: false }, async () => {});
    const notes = await Promise.all(COMMANDS.map(async ({ load }) => (await load()).notes ?? ""));
    const named = [...[guide, ...notes].join("\n").matchAll(/`agentwire ([a-z]+)((?: [^`\n]+)?)`/g)];
    expect(named.length).toBeGreaterThan(5);
    for (const [text, name, rest = ""] of named) {
      const options = commands.find((command) => command.name() === name)?.options ?? [];
      const known = ["--help", ...options.flatMap(({ long, short }) => [long, short])];
      expect([...names, "help"], text).toContain(name);
      for (const [flag] of rest.matchAll(/(?<= )--?[a-z][\w-]*/g)) expect(known, text).toContain(flag);
    }
  });

  it(req("cli.help", "has the table of exit codes and all reasons"), () => {
    for (const [code, meaning] of EXIT_TABLE) expect(guide).toContain(`| ${code} | ${meaning} |`);
    const problems: Record<VerifyProblem, true> = {
      malformed: true,
      wrong_version: true,
      unknown_payload: true,
      missing_signature: true,
      unknown_sender: true,
      wrong_key: true,
      wrong_curve: true,
      sender_changed: true,
      map_order: true,
      not_canonical: true,
      unknown_fields_dropped: true,
      token_changed: true,
      signature_not_der: true,
      signature_has_more_bytes: true,
      hashed_twice: true,
      other_hash: true,
      wrong_signature: true,
      broken_rule: true,
      wrong_topic: true,
      wrong_role: true,
      replayed: true,
      expired: true,
      lifetime_too_long: true,
      wrong_audience: true,
      wrong_tenant: true,
      identity_mismatch: true,
      missing_metadata: true,
      unsupported_profile: true,
      unknown_key: true,
      other_domain: true,
      replay_conflict: true,
      replay_store_unavailable: true,
    };
    for (const problem of Object.keys(problems)) expect(guide).toContain(`\`${problem}\``);
    for (const { name } of COMMANDS) expect(guide).toContain(name);
  });
});
