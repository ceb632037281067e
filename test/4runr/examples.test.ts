import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, describe, expect, it, vi } from "vitest";
import { enrichData } from "../../examples/4runr-data-enricher/main.ts";
import { sendMail } from "../../examples/4runr-email-engager/main.ts";
import { scrapeLeads } from "../../examples/4runr-lead-scraper/main.ts";
import { GatewayPolicyError } from "../../src/4runr/index.js";
import { Local4Runr } from "../../src/testing/index.js";
import { req } from "../requirements/index.ts";

const root = join(import.meta.dirname, "../..");
const { GATEWAY_URL: _url, AGENT_ID: _id, AGENT_PRIVATE_KEY: _key, ...plainEnv } = process.env;

/** Runs an example as a program of its own. */
async function run(name: string, env: Readonly<Record<string, string>> = {}): Promise<string> {
  const file = join(root, "examples", name, "main.ts");
  const tsx = join(root, "node_modules/.bin/tsx");
  const { stdout, stderr } = await promisify(execFile)(tsx, [file], {
    env: { ...plainEnv, AGENTWIRE_LOG: "silent", ...env },
  });
  expect(stderr).toBe("");
  return stdout;
}

const query = 'site:linkedin.com "software engineer" "San Francisco"';
const leads = [1, 2, 3].map(
  (rank) => `  Result ${rank} for ${query}\n    https://example.com/${encodeURIComponent(query)}/${rank}\n`,
);

const examples = [
  {
    name: "4runr-lead-scraper",
    printed: `Found 10 leads\n${leads.join("")}`,
    calls: ["serpapi:search"],
  },
  {
    name: "4runr-data-enricher",
    printed: `SUMMARY: ${"Summarize this content: <html><head><title>Mock</title></head><body><h1>https://example.com</h1><p>hello</p></body></html>".slice(0, 120)}\n`,
    // The second chat has the `input` that a gateway in mock mode turned out to need.
    calls: ["http_fetch:get", "openai:chat", "openai:chat"],
    tokens: 2,
  },
  {
    name: "4runr-email-engager",
    printed: "queued to prospect@company.com, 43 characters\nsent once\n",
    calls: ["gmail_send:send"],
  },
];

describe("the examples", async () => {
  const gateway = await Local4Runr.start();
  const calls: string[] = [];
  const operations: (string | undefined)[] = [];
  gateway.on("call", ({ tool, action }) => calls.push(`${tool}:${action}`));
  gateway.on("request", ({ operation }) => operations.push(operation));

  afterAll(() => gateway.close());

  it.each(examples)("$name runs on mock://", async ({ name, printed }) => {
    expect(await run(name)).toBe(printed);
  });

  it.each(examples)("$name runs on a gateway", async ({ name, printed, calls: wanted, tokens = 1 }) => {
    const { env } = await gateway.register({ name });
    calls.length = 0;
    operations.length = 0;
    expect(await run(name, env)).toBe(printed);
    expect(calls).toEqual(wanted);
    const sent = wanted.flatMap((_, n) =>
      n < tokens ? ["generateToken", "proxyRequest"] : ["proxyRequest"],
    );
    expect(operations).toEqual(sent);
  });

  it(
    req(
      "fourRunr.local.examples",
      "the vendor's examples show what a policy, a limit and a failing tool make of them",
    ),
    async () => {
      const log = vi.spyOn(console, "log").mockImplementation(() => {});
      const { env } = await gateway.register({ spec: { scopes: ["gmail_send:send"] } });
      await expect(scrapeLeads(env)).rejects.toThrow(GatewayPolicyError);
      await expect(enrichData(env)).rejects.toThrow("Policy denied");
      const outcomes: string[] = [];
      for (let mails = 0; mails < 6; mails++) outcomes.push(await sendMail(env));
      expect(outcomes.slice(0, 5)).toEqual(Array(5).fill("sent once"));
      expect(outcomes[5]).toMatch(/^rate limited, retry after \d+ s$/);
      const other = await gateway.register({ spec: { scopes: ["serpapi:search"] } });
      expect(await sendMail(other.env)).toBe(
        "denied by policy: Scope 'gmail_send:send' not allowed. Allowed scopes: serpapi:search",
      );
      gateway.faults.add({ kind: "status", status: 401, on: "generateToken" });
      expect(await sendMail(other.env)).toBe("authentication failed");
      const third = await gateway.register();
      calls.length = 0;
      gateway.faults.add({ kind: "status", status: 502, tool: "gmail_send" });
      expect(await sendMail(third.env)).toBe("the mail service failed");
      expect(calls, "a mail that may have gone out is not sent again").toEqual([]);
      expect(log).toHaveBeenCalled();
      log.mockRestore();
    },
  );
});
