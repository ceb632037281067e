/** What the scan of `pnpm secrets` looks for, and its control. */
import { writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { expect, it } from "vitest";
import { AgentwireError } from "../../src/core/errors.js";
import { safeLogger } from "../../src/core/logger.js";
import { controlSecret } from "./control.ts";
import { plantedSecrets } from "./planted.ts";

it("the planted secrets are found in tests and examples: keys, passwords, tokens", () => {
  const secrets = plantedSecrets();
  expect(secrets.size).toBeGreaterThan(60);
  expect([...secrets.keys()]).toEqual(
    expect.arrayContaining(["planted-password-1", "planted-api-key-1", "planted-heartbeat-credential"]),
  );
  const paths = [...secrets.values()];
  expect(paths).toContain("test/vectors/cap/keys/worker.pkcs8.pem");
});

const leaks = () => {
  process.stdout.write(`${controlSecret("stdout")}\n`);
  process.stderr.write(`${controlSecret("stderr")}\n`);
  safeLogger(undefined).debug(`a line with ${controlSecret("log")}`);
  process.stdout.write(
    `${inspect({ a: [{ b: new Map([["c", controlSecret("inspect")]]) }] }, { depth: 9 })}\n`,
  );
  process.stdout.write(
    `${inspect(new AgentwireError("outer", { cause: new Error(controlSecret("error")) }))}\n`,
  );
  writeFileSync(join(tmpdir(), "leak.txt"), controlSecret("file"));
};
if (process.env.AGENTWIRE_LEAK) it("leaks one secret on each channel", leaks);
