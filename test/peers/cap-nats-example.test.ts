import { join } from "node:path";
import { expect, it } from "vitest";
import { allDocuments } from "../docs/documents.ts";
import { printed } from "../docs/programs.ts";
import { snippetsOf } from "../docs/snippets.ts";
import { describeWithPeers, natsServer } from "./ladder.ts";
import { startNats } from "./processes.ts";

const root = join(import.meta.dirname, "../..");

await describeWithPeers("docs/cap-nats.md", [natsServer], ([path]) => {
  it("shows what its example prints", async () => {
    const [shown] = snippetsOf(allDocuments(root)).filter(
      ({ example }) => example === "examples/cap-nats/main.ts",
    );
    const server = await startNats(path!);
    const text = await printed(shown!.file, { NATS_URL: server.url }).finally(() => server.stop());
    expect(text).toBe(shown!.output);
  });
});
