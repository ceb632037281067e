/** A pseudo-terminal for tests: `script` of util-linux, else the `pty` of python3. */
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { basename, delimiter, join } from "node:path";
import type { Peer } from "../peers/ladder.ts";

function onPath(name: string): string | undefined {
  return (process.env.PATH ?? "")
    .split(delimiter)
    .map((folder) => join(folder, name))
    .find((path) => existsSync(path));
}

/** A program that runs another one in a pseudo-terminal and ends with its exit code. */
export const pseudoTerminal: Peer = {
  name: "pseudo-terminal",
  howTo: "put script (of util-linux) or python3 on PATH",
  rungs: [
    async () => {
      const path = onPath("script");
      // The one of BSD takes other options.
      const version = path && execFileSync(path, ["--version"], { encoding: "utf8" });
      return version?.includes("util-linux") ? path : undefined;
    },
    async () => onPath("python3"),
  ],
};

const PTY = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))";

/** The arguments with which a found program runs `words`. */
export function terminalArgs(program: string, words: readonly string[]): string[] {
  if (basename(program) !== "script") return ["-c", PTY, ...words];
  // Some shells end with 130 of their own when Ctrl-C reached them too, so none stays.
  return ["-qec", `exec ${shellWords(words)}`, "/dev/null"];
}

/** Words as a shell takes them. */
export function shellWords(words: readonly string[]): string {
  return words.map((word) => `'${word}'`).join(" ");
}
