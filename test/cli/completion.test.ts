import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { COMMANDS } from "../../src/cli/commands.js";
import { SHELLS } from "../../src/cli/completion.js";
import { findProgram } from "../../src/cli/dev/child.js";
import { createProgram } from "../../src/cli/program.js";
import { file, folder, run } from "./cli.ts";

/** Asks a shell what it offers for the last word of a command line: matches, and what it shows for them. */
type Ask = (script: string, ...words: string[]) => Map<string, string>;

const offers = (out: string): Map<string, string> => {
  const lines = out.split(/\r?\n/).filter((line) => line !== "");
  return new Map(lines.map((line) => line.split("\t") as [string, string]));
};

const shell = (program: string, args: string[], cwd = folder()): string =>
  execFileSync(program, args, {
    encoding: "utf8",
    cwd,
    env: { ...process.env, HOME: folder(), TERM: "xterm" },
  });

const inBash: Ask = (script, ...words) => {
  const ask = `source "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _agentwire; printf '%s\\n' "\${COMPREPLY[@]}"`;
  return offers(shell("bash", ["-c", ask, file("agentwire.bash", script), "agentwire", ...words]));
};

const inZsh: Ask = (script, ...words) => {
  const path = folder();
  writeFileSync(join(path, "_agentwire"), script);
  const line = ["agentwire", ...words].join(" ");
  const shown = offers(shell("zsh", ["-f", join(import.meta.dirname, "shells/offered.zsh"), path, line]));
  // The text of a match begins with the match.
  return new Map([...shown].map(([word, text]) => [word, text?.replace(/^\S+ +-- /, "")]));
};

const inFish: Ask = (script, ...words) => {
  const ask = "source $argv[1]; complete -C $argv[2]";
  const line = ["agentwire", ...words].join(" ");
  return offers(shell("fish", ["--no-config", "-c", ask, file("agentwire.fish", script), line]));
};

/** Shells that are not on a machine are not asked there; what their scripts say is tested everywhere. */
const shells = Object.entries({ bash: inBash, zsh: inZsh, fish: inFish }).filter(
  ([name]) => findProgram(name, process.env) !== undefined,
);

const names = COMMANDS.map(({ name }) => name);
const scriptOf = async (name: string): Promise<string> => (await run(["completion", name])).out;

/** Signs that mean something to one of the shells, or to its completion functions. */
const signs = 'it\'s "so" [a:b] \\[c\\] \\ $HOME $(id) `id` %d *x: ~ {a,b} <z> #';
const one = (flag: string) => ({ flag, about: `${flag} ${signs}`, takesValue: false });
const odd = [
  {
    name: "go",
    summary: `go ${signs}`,
    flags: [
      one("--plain"),
      { ...one("--path"), takesValue: true },
      { ...one("--one"), takesValue: true, values: ["a", "b-c"] },
    ],
  },
  { name: "pick", summary: "pick one", values: ["p", "q"], flags: [] },
];

describe.each(shells)("completion in %s", (name, ask) => {
  it("parses, and offers commands, options and values", { timeout: 120_000 }, async () => {
    const script = await scriptOf(name);
    shell(name, ["-n", file("script", script)]);
    const offered = (...words: string[]): string[] => [...ask(script, ...words).keys()].sort();
    expect(offered("")).toEqual(expect.arrayContaining([...names, "help"]));
    expect(offered("--")).toEqual(["--help", "--version"]);
    expect(offered("ver")).toEqual(["verify"]);
    expect(offered("verify", "--m")).toEqual(["--map-order"]);
    expect(offered("verify", "--map-order", "")).toEqual(["any", "spec", "upb"]);
    expect(offered("completion", "--j")).toEqual(["--json"]);
    expect(offered("completion", "")).toEqual(["bash", "fish", "zsh"]);
    expect(offered("help", "ver")).toEqual(["verify"]);
    expect(offered("keygen", "verify", "--")).toEqual(["--help", "--json"]);
  });

  it("shows descriptions as they are, and runs nothing that stands in them", { timeout: 120_000 }, () => {
    const script = SHELLS[name]!(odd, [one("--version")]);
    shell(name, ["-n", file("script", script)]);
    const shown = (...words: string[]) => Object.fromEntries(ask(script, ...words));
    const same = (flag: string): string | undefined => (name === "bash" ? undefined : `${flag} ${signs}`);
    const commands = name === "bash" ? {} : { go: `go ${signs}`, pick: "pick one" };
    expect(shown("")).toMatchObject(commands);
    expect(shown("--v")).toEqual({ "--version": same("--version") });
    expect(shown("go", "--")).toEqual({
      "--plain": same("--plain"),
      "--path": same("--path"),
      "--one": same("--one"),
    });
    expect(Object.keys(shown("go", "--one", "")).sort()).toEqual(["a", "b-c"]);
    expect(Object.keys(shown("pick", "")).sort()).toEqual(["p", "q"]);
  });
});

describe("completion", () => {
  it("leaves file names to readline in bash, which quotes them", async () => {
    const script = await scriptOf("bash");
    const cwd = folder();
    mkdirSync(join(cwd, "a folder"));
    expect([...inBash(script, "verify", "--key", "").keys()]).toEqual([]);
    expect([...inBash(script, "verify", "").keys()]).toEqual([]);
    const registered = shell(
      "bash",
      ["-c", 'source "$0"; complete -p agentwire', file("script", script)],
      cwd,
    );
    expect(registered).toBe("complete -o default -F _agentwire agentwire\n");
  });

  it("escapes for zsh: quotes for the shell, then colons, brackets and backslashes for its functions", () => {
    const script = SHELLS.zsh!(odd, []);
    const escaped =
      "it'\\''s \"so\" \\[a\\:b\\] \\\\\\[c\\\\\\] \\\\ $HOME $(id) `id` %d *x\\: ~ {a,b} <z> #";
    expect(script).toContain(`    'go:go ${escaped}'\n`);
    expect(script).toContain(
      `    go) _arguments '*--plain[--plain ${escaped}]' '*--path[--path ${escaped}]:value:_files' ` +
        `'*--one[--one ${escaped}]:value:(a b-c)' '*:argument:_files' ;;\n`,
    );
    expect(script).toContain("    pick) _arguments  '*:argument:(p q)' ;;\n");
  });

  it("escapes for fish: quotes and backslashes", () => {
    const lines = SHELLS.fish!(odd, []).split("\n");
    const escaped = 'it\\\'s "so" [a:b] \\\\[c\\\\] \\\\ $HOME $(id) `id` %d *x: ~ {a,b} <z> #';
    const when = "-n 'contains -- go (commandline -opc)[2]'";
    expect(lines.slice(1)).toEqual([
      `complete -c agentwire -f -n __fish_use_subcommand -a go -d 'go ${escaped}'`,
      `complete -c agentwire ${when} -l plain -d '--plain ${escaped}'`,
      `complete -c agentwire ${when} -l path -r -F -d '--path ${escaped}'`,
      `complete -c agentwire ${when} -l one -x -a 'a b-c' -d '--one ${escaped}'`,
      "complete -c agentwire -f -n __fish_use_subcommand -a pick -d 'pick one'",
      "complete -c agentwire -f -n 'contains -- pick (commandline -opc)[2]' -a 'p q'",
      "",
    ]);
  });

  it("has every command and every flag once in each script", async () => {
    const program = await createProgram(names, { out: () => {}, color: false }, async () => {});
    const [bash, zsh, fish] = [await scriptOf("bash"), await scriptOf("zsh"), await scriptOf("fish")];
    const count = (text: string, part: string): number => text.split(part).length - 1;
    for (const command of program.commands) {
      const name = command.name();
      const zshLine = zsh.split("\n").find((line) => line.startsWith(`    ${name}) `))!;
      const bashLine = bash.split("\n").find((line) => line.startsWith(`    ${name}:*:-*) `))!;
      expect([count(zsh, `    '${name}:`), count(fish, ` -a ${name} -d `)], name).toEqual([1, 1]);
      for (const flag of [...command.options.map(({ long }) => long!), "--help"]) {
        const found = [
          bashLine.split(/[" ]/).filter((word) => word === flag).length,
          count(zshLine, `'*${flag}[`),
          count(fish, `'contains -- ${name} (commandline -opc)[2]' -l ${flag.slice(2)} `),
        ];
        expect(found, `${name} ${flag}`).toEqual([1, 1, 1]);
      }
    }
  });

  it("refuses another shell", async () => {
    const { code, err } = await run(["completion", "tcsh"]);
    expect([code, err]).toEqual([2, expect.stringContaining("Allowed choices are bash, zsh, fish")]);
  });
});
