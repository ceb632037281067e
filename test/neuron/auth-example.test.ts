import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { writeCredentialFile } from "../../src/neuron/auth/index.js";
import { LocalBigBrain } from "../../src/testing/index.js";
import { start } from "../peers/processes.ts";
import { freshPath, startAuthServer } from "./auth-server.ts";

const root = join(import.meta.dirname, "../..");
const file = "examples/neuron-auth/main.ts";

describe("the guide to neuron credentials", () => {
  it("has an example that serves leases with a token from the file, until SIGTERM", async () => {
    const server = await startAuthServer(() => ({ body: { access_token: "at-1", expires_in: 900 } }));
    const brain = await LocalBigBrain.start({ tokens: ["at-1"] });
    const path = freshPath();
    await writeCredentialFile(path, {
      clientId: "cl-1",
      clientSecret: "sec-1",
      tokenEndpoint: `${server.url}/token`,
      mokuBaseUrl: server.url,
    });
    const running = start(join(root, "node_modules/.bin/tsx"), [join(root, file)], {
      ...process.env,
      BIGBRAIN_GATEWAY_URL: brain.url,
      BIGBRAIN_CREDENTIAL_FILE: path,
    });
    try {
      expect(await brain.submit({ capability: "examples/greet", input: { name: "Ada" } })).toMatchObject({
        status: "completed",
        output: { text: "Hello, Ada!" },
      });
      await running.until("serving 1 capability");
      running.process.kill("SIGTERM");
      await running.until("stopped");
      expect(server.seen).toHaveLength(1);
    } finally {
      await running.stop("SIGKILL");
      await brain.close();
      await server.close();
    }
  });
});
