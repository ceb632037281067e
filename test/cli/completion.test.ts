import { execFileSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { COMMANDS } from "../../src/cli/commands.js";
import { findProgram } from "../../src/cli/dev/child.js";
import { file, run } from "./cli.ts";

/** What bash would offer for a command line; the last word is the one at the cursor. */
async function inBash(...words: string[]): Promise<string[]> {
  const script = file("agentwire.bash", (await run(["completion", "bash"])).out);
  const line = `source ${script}; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _agentwire; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const out = execFileSync("bash", ["-c", line, "bash", "agentwire", ...words], { encoding: "utf8" });
  return out.trim().split("\n");
}

describe("completion", () => {
  it("offers commands, options and values in bash", async () => {
    expect(await inBash("")).toEqual(expect.arrayContaining(COMMANDS.map(({ name }) => name)));
    expect(await inBash("ver")).toEqual(["verify"]);
    expect(await inBash("verify", "--m")).toEqual(["--map-order"]);
    expect(await inBash("verify", "--map-order", "")).toEqual(["any", "spec", "upb"]);
    expect(await inBash("completion", "--j")).toEqual(["--json"]);
  });

  it.each(["zsh", "fish"])("the script for %s has every command and option, and parses", async (shell) => {
    const { code, out } = await run(["completion", shell]);
    expect(code).toBe(0);
    for (const { name } of COMMANDS) expect(out).toContain(name);
    for (const option of ["map-order", "moku-url", "write-env"]) expect(out).toContain(option);
    const path = file("script", out);
    const installed = findProgram(shell, process.env);
    if (installed !== undefined) execFileSync(installed, ["-n", path]);
  });

  it("refuses another shell", async () => {
    const { code, err } = await run(["completion", "tcsh"]);
    expect([code, err]).toEqual([2, expect.stringContaining("Allowed choices are bash, zsh, fish")]);
  });
});
