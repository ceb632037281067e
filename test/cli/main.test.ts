/** The command as a process of its own: help, exit codes, streams, a terminal. */
import { execFileSync, spawn } from "node:child_process";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { COMMANDS } from "../../src/cli/commands.js";
import { EXIT, EXIT_TABLE } from "../../src/cli/exit-codes.js";
import { fromBase64, packets } from "../cap/vectors.ts";
import { describeWithPeers } from "../peers/ladder.ts";
import { req } from "../requirements/index.ts";
import { collect, command, parse, run, spawned } from "./cli.ts";
import { pathWith } from "./dev-process.ts";
import { pseudoTerminal, shellWords, terminalArgs } from "./terminal.ts";

const packet = packets[0]!;
const key = `client-1=${join(import.meta.dirname, "../vectors/cap/keys/client.pub.pem")}`;

describe("help", () => {
  it.each(COMMANDS)(
    req("cli.help", "of $name: options, examples that can be read, exit codes"),
    async (entry) => {
      const { code, out, err } = await run([entry.name, "--help"]);
      expect([code, err]).toEqual([0, ""]);
      expect(await run(["help", entry.name])).toEqual({ code, out, err });
      expect(out).toContain(`Usage: agentwire ${entry.name}`);
      expect(out).toContain("--json");
      for (const [exit, meaning] of EXIT_TABLE) expect(out).toContain(`${exit}  ${meaning}`);
      const { examples } = await entry.load();
      expect(examples.length).toBeGreaterThan(0);
      for (const [line] of examples) {
        const argv = line.split(/ [<|>]/)[0]!.split(" ");
        expect(argv[0]).toBe(entry.name);
        await expect(parse(argv.map((word) => word.replaceAll("'", ""))), line).resolves.toBe(true);
      }
      expect(Math.max(...out.split("\n").map((line) => line.length))).toBeLessThan(150);
    },
  );

  it("of everything names every command", async () => {
    const { out } = await run(["--help"]);
    for (const { name } of COMMANDS) expect(out).toContain(`  ${name} `);
    expect(await run([])).toEqual({ code: 0, out, err: "" });
    expect((await run(["help", "decod"])).err).toContain("unknown command 'decod' (Did you mean decode?)");
  });
});

describe("a wrong command line", () => {
  const cases: [string[], string][] = [
    [["decoed"], "unknown command 'decoed' (Did you mean decode?)"],
    [["dance"], "unknown command 'dance'\n"],
    [["--jsn"], "unknown option '--jsn'"],
    [["verify", "--keys", "x"], "unknown option '--keys' (Did you mean --key?)"],
    [["verify", "-x"], "unknown option '-x'"],
    [["verify"], "required option '--key <sender=pem>' not specified"],
    [["verify", "--key"], "option '--key <sender=pem>' argument missing"],
    [["verify", "--key", "--json"], "option '--key <sender=pem>' argument missing: found --json"],
    [["decode", "--json=yes"], "unknown option '--json=yes'"],
    [["decode", "a", "b"], "too many arguments for 'decode'"],
    [["decode", "a", "--format", "bas64"], "option '--format <format>' argument 'bas64' is invalid"],
    [["sign", "--key", "a", "--key", "b"], "option '--key <pem>' is given more than once"],
    [
      ["dev", "--port", "70000"],
      "'--port <n>' argument '70000' is invalid. Expected a whole number from 0 to 65535",
    ],
    [["tap", "--count", "0"], "'--count <n>' argument '0' is invalid. Expected a whole number of at least 1"],
    [
      ["submit", "job.x", "--label", "x"],
      "'--label <name=value>' argument 'x' is invalid. Expected NAME=VALUE",
    ],
    [["submit"], "missing required argument 'topic'"],
  ];

  it.each(cases)(req("cli.usage", "%j"), async (argv, text) => {
    const { code, out, err } = await run(argv);
    expect([code, out]).toEqual([EXIT.usage, ""]);
    const json = argv.includes("--json") ? (JSON.parse(err) as { error: { message: string } }) : undefined;
    expect(json?.error.message ?? err).toContain(text);
    if (!argv.includes("--json")) expect(err).toMatch(/Run 'agentwire.* --help' for help\.\n$/);
  });
});

describe("as a process", () => {
  it(req("cli.input", "decodes what is piped in; exit 0, text to stdout, nothing to stderr"), async () => {
    const { code, out, err } = await spawned(["decode"], fromBase64(packet.packet_b64));
    expect([code, err]).toEqual([0, ""]);
    expect(out).toContain(packet.sha256_hex);
    expect(out).not.toContain("\u001b");
  });

  it("verifies and refuses: exit 0, 1 and 2", async () => {
    const good = await spawned(["verify", packet.packet_b64, "--key", key]);
    expect([good.code, good.out]).toEqual([0, expect.stringContaining("verified")]);
    const bad = fromBase64(packet.packet_b64);
    bad[30]! ^= 1;
    const refused = await spawned(["verify", "-", "--key", key, "--json"], bad);
    expect([refused.code, JSON.parse(refused.out)]).toEqual([1, expect.objectContaining({ ok: false })]);
    expect((await spawned(["verify"])).code).toBe(2);
  });

  it("ends quietly when nobody reads on", async () => {
    const line = `${shellWords(command)} --help | head -n 1`;
    expect(execFileSync("sh", ["-c", line], { encoding: "utf8" })).toMatch(/^Usage: agentwire/);
  });
});

await describeWithPeers("in a terminal", [pseudoTerminal], ([terminal]) => {
  const inTerminal = (argv: readonly string[], env: NodeJS.ProcessEnv = {}) => {
    const { NO_COLOR: _, ...rest } = process.env;
    return spawn(terminal!, terminalArgs(terminal!, [...command, ...argv]), {
      env: { ...rest, TERM: "xterm", ...env },
      stdio: "pipe",
    });
  };

  it(req("cli.plain", "shows colours, unless NO_COLOR or a dumb terminal forbid it"), async () => {
    const argv = ["verify", packet.packet_b64, "--key", key];
    const colored = await collect(inTerminal(argv));
    expect([colored.code, colored.out]).toEqual([0, expect.stringContaining("\u001b[32mverified\u001b[39m")]);
    for (const env of [{ NO_COLOR: "1" }, { TERM: "dumb" }]) {
      const { code, out } = await collect(inTerminal(argv, env));
      expect([code, out]).toEqual([0, expect.stringContaining("verified")]);
      expect(out).not.toContain("\u001b[");
    }
  });

  it(req("cli.dev.stop", "dev ends at Ctrl-C"), async () => {
    const child = inTerminal(["dev"], { PATH: pathWith([]) });
    let text = "";
    const ready = new Promise<void>((resolve) => {
      child.stdout.on("data", (chunk: Buffer) => {
        text += chunk.toString();
        if (text.includes("runs until Ctrl-C")) resolve();
      });
    });
    const code = new Promise((resolve) => child.once("close", resolve));
    await ready;
    child.stdin.write("\u0003");
    expect([await code, text]).toEqual([0, expect.stringMatching(/\^C[\s\S]*stopped\r\n$/)]);
    expect(text).toContain("\u001b[33mcap\u001b[39m");
  });

  it("says what to do when nothing is piped in: exit 2", async () => {
    const { code, out } = await collect(inTerminal(["decode"]));
    expect([code, out]).toEqual([2, expect.stringContaining("no input")]);
  });
});
