import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { variables } from "../../scripts/docs/variables.ts";

it("docs/environment.md lists every variable that the library reads, and no other", () => {
  const src = join(import.meta.dirname, "../../src");
  const texts = readdirSync(src, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts"))
    .map((file) => readFileSync(join(src, file), "utf8"));
  const read = texts.flatMap((text) => [
    ...[
      ...text.matchAll(/\b(?:readEnv|rawEnv|optionOrEnv)\([^;]{0,120}?(?<!tlsVariable\()"([A-Z]\w+)"/g),
    ].map(([, name]) => name),
    ...[...text.matchAll(/\btlsVariable\("(\w+)"\)/g)].flatMap(([, name]) => [
      `NATS_TLS_${name}`,
      `REDIS_TLS_${name}`,
    ]),
    ...[...text.matchAll(/MODE_VARIABLE = "(\w+)"|\b(?:proxy|variable)\("(\w+)"\)/g)].map(
      ([, a, b]) => a ?? b,
    ),
  ]);
  expect([...new Set(read)].sort()).toEqual(Object.keys(variables).sort());
});
