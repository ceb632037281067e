/** What every client over HTTP does without options: where it connects to, and what it says when that does not work. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { GatewayAdmin, GatewayClient } from "../../src/4runr/index.js";
import { AureusClient, AureusConsoleClient } from "../../src/aureus/index.js";
import { FakeClock } from "../../src/testing/fake-clock.js";
import { failure } from "./server.ts";

/** The variables that `agentwire dev` prints for these clients, and the login of the console. */
const environment = {
  AUREUS_URL: "http://127.0.0.1:11",
  AUREUS_API_KEY: "key-1",
  AUREUS_USERNAME: "operator",
  AUREUS_PASSWORD: "secret-1",
  GATEWAY_URL: "http://127.0.0.1:12",
  AGENT_ID: "agent-1",
};

interface Options {
  readonly fetch: typeof fetch;
  readonly clock: FakeClock;
  readonly retry?: false;
  readonly logger?: false;
}

const clients: [string, (options: Options) => Promise<unknown>, string][] = [
  ["AureusClient", (options) => new AureusClient(options).getWorkflowStatus("w"), environment.AUREUS_URL],
  [
    "AureusConsoleClient",
    (options) => new AureusConsoleClient(options).listWorkflows(),
    environment.AUREUS_URL,
  ],
  [
    "GatewayClient",
    (options) => new GatewayClient(options).proxy("serpapi", "search", { q: "x" }),
    environment.GATEWAY_URL,
  ],
  ["GatewayAdmin", (options) => new GatewayAdmin(options).listAgents(), environment.GATEWAY_URL],
];

let lines: string[];
let urls: string[];
beforeEach(() => {
  lines = [];
  urls = [];
  for (const [name, value] of Object.entries(environment)) vi.stubEnv(name, ` ${value}\n`);
  vi.stubEnv("AGENTWIRE_LOG", undefined);
  for (const stream of ["log", "info", "warn", "error"] as const)
    vi.spyOn(console, stream).mockImplementation((...text) => void lines.push(`${stream} ${text.join(" ")}`));
});
afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
});

const dead = async (url: unknown): Promise<never> => {
  urls.push(String(url));
  throw Object.assign(new TypeError("fetch failed"), {
    cause: Object.assign(new Error("no"), { code: "ECONNREFUSED" }),
  });
};

describe.each(clients)("%s", (_, call, base) => {
  it("reads what the environment says, without the blanks around it", async () => {
    await failure(call({ fetch: dead, clock: new FakeClock(), retry: false, logger: false }));
    expect(urls).toHaveLength(1);
    expect(urls[0]).toMatch(new RegExp(`^${base}/`));
  });

  it("says on the console that a server stays away, from the second retry on, and shows no secret", async () => {
    const clock = new FakeClock();
    await clock.until(failure(call({ fetch: dead, clock })));
    const warned = lines.filter((line) => line.includes("failed and will be retried"));
    expect(urls.length).toBeGreaterThan(2);
    expect(warned).toHaveLength(urls.length - 2);
    for (const line of warned)
      expect(line).toMatch(/^warn agentwire warn .* attempt=\d+ delayMs=[\d.]+ error=.*could not be reached/);
    expect(lines.join()).not.toContain("secret-1");
    expect(lines.join()).not.toContain("key-1");
  });

  it.each(["logger: false", "AGENTWIRE_LOG=silent"])("says nothing with %s", async (how) => {
    const clock = new FakeClock();
    if (how !== "logger: false") vi.stubEnv("AGENTWIRE_LOG", "silent");
    const options = { fetch: dead, clock, ...(how === "logger: false" && { logger: false as const }) };
    await clock.until(failure(call(options)));
    expect(lines).toEqual([]);
  });
});
