import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { describeWithPeers, natsServer } from "./ladder.ts";
import { startNats } from "./processes.ts";

const root = join(import.meta.dirname, "../..");

await describeWithPeers("docs/cap-delivery.md", [natsServer], ([path]) => {
  it("shows the example as it is, and what it prints", async () => {
    const guide = readFileSync(join(root, "docs/cap-delivery.md"), "utf8");
    const [, file, code, output] =
      /<!-- (examples\/\S+) -->\n```ts\n([\s\S]*?)```\n\n```text\n([\s\S]*?)```/.exec(guide)!;
    expect(code).toBe(readFileSync(join(root, file!), "utf8"));
    const folder = mkdtempSync(join(tmpdir(), "agentwire-example-"));
    const server = await startNats(path!, { args: ["-js", "-sd", folder] });
    const env = { ...process.env, NATS_URL: server.url };
    const run = promisify(execFile)(join(root, "node_modules/.bin/tsx"), [join(root, file!)], { env });
    const { stdout } = await run.finally(async () => {
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
    });
    expect(stdout).toBe(output);
  });
});
