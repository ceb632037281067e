/** What people hand over: key files, OpenAPI documents, command lines. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import {
  type CryptoBackend,
  defaultCrypto,
  KeyRing,
  nobleCrypto,
  toSigningKey,
} from "../../src/cap/index.js";
import { generate, SpecError } from "../../src/generate/index.js";
import { keyFile } from "../cap/vectors.ts";
import { run } from "../cli/cli.ts";
import { almostJson, almostText, type Count, must, refusable, type Target } from "./target.ts";

const root = join(import.meta.dirname, "../..");
const forms = join(root, "test/cap/key-forms");
const pems = [
  ...readdirSync(forms).map((name) => readFileSync(join(forms, name), "utf8")),
  ...["client.pkcs8.pem", "client.sec1.pem", "client.pub.pem"].map(keyFile),
];

/** Both backends' answer to a key. */
async function verdicts<T>(read: (crypto: CryptoBackend) => T): Promise<(T | undefined)[]> {
  const own: Count = { refused: 0 };
  return Promise.all([defaultCrypto(), nobleCrypto].map((crypto) => refusable(own, () => read(crypto))));
}

const keys: Target = {
  name: "key files",
  promise: "one verdict on both backends, and no part of the text in an error",
  short: 500,
  property: (count) =>
    fc.asyncProperty(fc.oneof(almostText(pems), fc.string({ unit: "binary" })), async (pem) => {
      const signing = await verdicts((crypto) => toSigningKey(pem, { crypto }).publicKeyPem.trim());
      must(signing[0] === signing[1], `a private key: node ${signing[0]}, noble ${signing[1]}`);
      const trusting = await verdicts((crypto) => new KeyRing({ a: pem }, { crypto }).of("a").length);
      must(trusting[0] === trusting[1], `a public key: node ${trusting[0]}, noble ${trusting[1]}`);
      if (signing[0] === undefined && trusting[0] === undefined) count.refused++;
      return true;
    }),
};

/** Small, and with something of everything: a run takes milliseconds, and each change hits what matters. */
const content = (schema: unknown) => ({ "application/json": { schema } });
const documents = [
  {
    openapi: "3.1.0",
    info: { title: "Pets", version: "1" },
    servers: [{ url: "https://example.test/v1" }],
    security: [{ bearer: [] }],
    paths: {
      "/pets/{id}": {
        parameters: [{ name: "id", in: "path", required: true, schema: { type: "string" } }],
        get: {
          operationId: "getPet",
          tags: ["pets"],
          parameters: [
            {
              name: "fields",
              in: "query",
              style: "form",
              explode: false,
              schema: { type: "array", items: {} },
            },
            { $ref: "#/components/parameters/Trace" },
          ],
          responses: {
            200: { description: "ok", content: content({ $ref: "#/components/schemas/Pet" }) },
            "4XX": { description: "no", content: content({ $ref: "#/components/schemas/Problem" }) },
          },
        },
        put: {
          operationId: "put-pet",
          "x-idempotent": true,
          requestBody: { required: true, content: content({ $ref: "#/components/schemas/Pet" }) },
          responses: { 204: { description: "done" }, default: { description: "no" } },
        },
      },
      "/events": { get: { responses: { 200: { description: "", content: { "text/event-stream": {} } } } } },
    },
    components: {
      parameters: { Trace: { name: "x-trace", in: "header", schema: { type: "string" } } },
      securitySchemes: { bearer: { type: "http", scheme: "bearer" } },
      schemas: {
        Pet: {
          type: "object",
          required: ["pet_name"],
          properties: {
            pet_name: { type: ["string", "null"], minLength: 1 },
            kind: { enum: ["cat", "dog", null] },
            next_of_kin: { $ref: "#/components/schemas/Pet" },
            pair: { type: "array", prefixItems: [{ type: "string" }, { type: "integer" }] },
          },
          additionalProperties: { type: "number" },
        },
        Cat: { allOf: [{ $ref: "#/components/schemas/Pet" }, { properties: { claws: { const: 1 } } }] },
        Problem: {
          oneOf: [{ $ref: "#/components/schemas/Cat" }, { type: "string" }],
          discriminator: { propertyName: "kind", mapping: { cat: "#/components/schemas/Cat" } },
        },
      },
    },
  },
  {
    openapi: "3.0.3",
    info: { title: "Old", version: "1" },
    paths: {
      "/upload": {
        post: {
          requestBody: {
            content: {
              "multipart/form-data": {
                schema: { type: "object", properties: { file: { type: "string", format: "binary" } } },
              },
            },
          },
          responses: {
            200: {
              description: "",
              content: content({ type: "string", nullable: true, exclusiveMinimum: true, minimum: 1 }),
            },
          },
        },
      },
    },
    components: { schemas: { A: { anyOf: [{ $ref: "#/components/schemas/A" }], example: 1 } } },
  },
] as unknown[];

const specs: Target = {
  name: "OpenAPI documents",
  promise: "generated, or refused by findings that name the file",
  short: 25,
  property: (count) =>
    fc.asyncProperty(almostJson(documents), fc.boolean(), async (document, camelCase) => {
      const folder = mkdtempSync(join(root, ".cache", "fuzz-"));
      try {
        writeFileSync(join(folder, "api.json"), JSON.stringify(document) ?? "");
        const config = { specs: { api: { openapi: "api.json", out: "gen", camelCase } } };
        const done = await generate({ root: folder, config }).catch((error: unknown) => error as Error);
        if (!(done instanceof Error)) return true;
        if (!(done instanceof SpecError)) throw done;
        must(done.message.includes("api.json"), `a finding without its file: ${done.message}`);
        count.refused++;
        return true;
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    }),
};

/** Commands that end by themselves and touch no network. */
const commands = ["decode", "verify", "sign", "keygen", "errors", "completion", "help", "--version"];
const words = fc.oneof(
  fc.constantFrom(
    ...commands,
    "--json",
    "--help",
    "--key",
    "--public-key",
    "-",
    "--",
    "--from",
    "--format",
    "hex",
  ),
  fc.constantFrom(
    "base64",
    "=",
    "--key=",
    "/nowhere/x.pem",
    "--sender",
    "worker-1",
    "-h",
    "--no-color",
    "\0",
  ),
  fc.string({ unit: "binary", maxLength: 12 }),
);

const lines: Target = {
  name: "command lines",
  promise: "an exit code of the table and a message without a stack",
  short: 100,
  property: (count) =>
    fc.asyncProperty(
      fc.constantFrom(...commands),
      fc.array(words, { maxLength: 5 }),
      fc.uint8Array({ maxLength: 60 }),
      async (command, rest, input) => {
        const env = { HOME: tmpdir() };
        // keygen writes files: it gets no name of one.
        const argv = command === "keygen" ? [command, "--out", "/nowhere/at/all"] : [command, ...rest];
        if (rest.includes("keygen")) return true;
        const { code, out, err } = await run(argv, { input, env });
        must(Number.isInteger(code) && code >= 0 && code < 128, `exit code ${code}`);
        must(!/\n\s+at .*:\d+:\d+/.test(err), `a stack: ${err}`);
        if (code !== 0) {
          must(err.trim() + out.trim() !== "", "it fails without a word");
          count.refused++;
        }
        return true;
      },
    ),
};

export const fileTargets = [keys, specs, lines];
