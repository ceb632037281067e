/** What `agentwire doctor` finds on the three HTTP protocols. */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { operationTable as fourRunr } from "../../../gen/4runr/index.js";
import { operationTable as neuron } from "../../../gen/neuron/index.js";
import { linkSignals } from "../../core/abort.js";
import { type Env, optionOrEnv, readEnv } from "../../core/env.js";
import { AgentwireError, ConnectionError, errorText } from "../../core/errors.js";
import { randomHex } from "../../core/ids.js";
import { isInsecure } from "../../core/insecure.js";
import { createClientCredentialsAuth, defaultCredentialPath } from "../../neuron/auth/index.js";
import { type Check, type Findings, fail, failed, ok, type ServerTime, skip, warn } from "./check.js";

/** How a request is bounded. */
export interface Bounds {
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly tookMs: number;
  readonly time: ServerTime | undefined;
}

/** Asks once, follows no redirect, and leaves the body unread. @throws ConnectionError, TimeoutError, AbortError */
async function ask(url: string, headers: Readonly<Record<string, string>>, bounds: Bounds): Promise<Answer> {
  const link = linkSignals([bounds.signal], { timeoutMs: bounds.timeoutMs, what: `GET ${url}` });
  const [before, started] = [Date.now(), performance.now()];
  try {
    const response = await fetch(url, { headers, redirect: "manual", signal: link.signal });
    const tookMs = performance.now() - started;
    const date = Date.parse(response.headers.get("date") ?? "");
    const type = response.headers.get("content-type") ?? "";
    const { host } = new URL(url);
    const time = Number.isNaN(date)
      ? undefined
      : { server: host, aheadMs: aheadMs(date, before, Date.now()) };
    return { status: response.status, type, tookMs, time };
  } catch (error) {
    if (link.signal.aborted && link.signal.reason instanceof AgentwireError) throw link.signal.reason;
    const cause = (error as { cause?: unknown }).cause ?? error;
    throw new ConnectionError(`${url}: ${errorText(cause)}`, { cause: error });
  } finally {
    link.abort(); // ends an event stream, too
  }
}

/** How far a date of one second's resolution lies outside the time in which it was written. */
function aheadMs(date: number, from: number, to: number): number {
  if (date > to) return date - to;
  return date + 999 < from ? date + 999 - from : 0;
}

/** A gateway for neurons: a stream is opened under an id that nobody has, and nothing is registered. */
export async function checkNeuron(url: string | undefined, env: Env, bounds: Bounds): Promise<Findings> {
  const base = optionOrEnv(url, "BIGBRAIN_GATEWAY_URL", env);
  if (base === undefined) {
    return { checks: [skip("neuron", "gateway", "not configured: BIGBRAIN_GATEWAY_URL or --neuron URL")] };
  }
  const checks: Check[] = [];
  let token: string | undefined;
  try {
    token = await neuronToken(env);
  } catch (error) {
    return { checks: [failed("neuron", "token", error, "agentwire enroll, or set BIGBRAIN_TOKEN")] };
  }
  if (token === undefined) {
    checks.push(
      warn(
        "neuron",
        "token",
        "no token is set",
        "set BIGBRAIN_TOKEN or BIGBRAIN_TOKEN_FILE, or agentwire enroll",
      ),
    );
  } else checks.push(tokenCheck(token, base));
  const id = `agentwire-doctor-${randomHex(4)}`;
  const events = `${base.replace(/\/+$/, "")}${neuron.openEvents.path}?neuronId=${id}`;
  const headers = {
    accept: "text/event-stream",
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
  };
  try {
    const answer = await ask(events, headers, bounds);
    checks.push(judgeStream(base, answer, token !== undefined));
    return { checks, ...timesOf(answer) };
  } catch (error) {
    return {
      checks: [...checks, failed("neuron", "gateway", error, "is the URL right, and the gateway up?")],
    };
  }
}

function judgeStream(base: string, { status, type, tookMs }: Answer, hasToken: boolean): Check {
  if (status === 200 && type.startsWith("text/event-stream")) {
    return ok("neuron", "gateway", `${base}: event stream after ${tookMs.toFixed(1)} ms`);
  }
  if (status === 401 || status === 403) {
    const check = fail(
      "neuron",
      "gateway",
      `${base} responded ${status}`,
      "the token is refused: get a new one",
    );
    return hasToken
      ? { ...check, unreachable: true }
      : warn("neuron", "gateway", `${base} is up and requires a token`);
  }
  return fail(
    "neuron",
    "gateway",
    `${base} responded ${status} ${type}`.trimEnd(),
    "the URL is not that of a BigBrain gateway",
  );
}

async function neuronToken(env: Env): Promise<string | undefined> {
  const file = readEnv("BIGBRAIN_CREDENTIAL_FILE", env);
  if (file !== undefined) return createClientCredentialsAuth(file)();
  const token = readEnv("BIGBRAIN_TOKEN", env);
  if (token !== undefined) return token;
  const tokenFile = readEnv("BIGBRAIN_TOKEN_FILE", env);
  if (tokenFile !== undefined) return (await readFile(tokenFile, "utf8")).trim();
  return existsSync(defaultCredentialPath()) ? createClientCredentialsAuth()() : undefined;
}

function tokenCheck(token: string, base: string): Check {
  if (isInsecure(base)) {
    return warn("neuron", "token", "it is sent unencrypted beyond this machine", "use an https:// URL");
  }
  const exp = expiryOf(token);
  if (exp === undefined) return ok("neuron", "token", `${token.length} characters, without an expiry`);
  const leftS = Math.round(exp - Date.now() / 1_000);
  return leftS > 0
    ? ok("neuron", "token", `valid for ${leftS} s`)
    : fail("neuron", "token", `expired ${-leftS} s ago`, "get a new one");
}

function expiryOf(token: string): number | undefined {
  try {
    const claims = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString()) as {
      exp?: unknown;
    };
    return typeof claims.exp === "number" ? claims.exp : undefined;
  } catch {
    return undefined; // tokens need not be JWTs
  }
}

/** An Aureus: which of its two dialects does it speak? */
export async function checkAureus(url: string | undefined, env: Env, bounds: Bounds): Promise<Findings> {
  const base = optionOrEnv(url, "AUREUS_URL", env)?.replace(/\/+$/, "");
  if (base === undefined)
    return { checks: [skip("aureus", "server", "not configured: AUREUS_URL or --aureus URL")] };
  try {
    const v1 = await ask(`${base}/api/v1/workflows/agentwire-doctor/status`, {}, bounds);
    const console = await ask(`${base}/health`, {}, bounds);
    const speaks = [
      ...(v1.type.includes("json") ? ["V1"] : []),
      ...(console.status === 200 && console.type.includes("json") ? ["console"] : []),
    ];
    const check =
      speaks.length > 0
        ? ok("aureus", "server", `${base}: speaks ${speaks.join(" and ")}, ${v1.tookMs.toFixed(1)} ms`)
        : fail(
            "aureus",
            "server",
            `${base} responded ${v1.status}`,
            "the URL is not that of an Aureus server",
          );
    return { checks: [check], ...timesOf(v1) };
  } catch (error) {
    return { checks: [failed("aureus", "server", error, "is the URL right, and the server up?")] };
  }
}

/** A 4Runr gateway, and whether there is an agent to speak for. */
export async function check4Runr(url: string | undefined, env: Env, bounds: Bounds): Promise<Findings> {
  const base = optionOrEnv(url, "GATEWAY_URL", env)?.replace(/\/+$/, "");
  if (base === undefined)
    return { checks: [skip("4runr", "gateway", "not configured: GATEWAY_URL or --4runr URL")] };
  if (base.startsWith("mock:")) return { checks: [ok("4runr", "gateway", `${base}: inside the process`)] };
  const agent =
    readEnv("AGENT_ID", env) === undefined
      ? warn(
          "4runr",
          "agent",
          "AGENT_ID is not set",
          "create one with GatewayAdmin.createAgent, or pass agentId",
        )
      : ok("4runr", "agent", "AGENT_ID is set");
  try {
    const health = await ask(`${base}${fourRunr.getHealth.path}`, {}, bounds);
    const ready = await ask(`${base}${fourRunr.getReadiness.path}`, {}, bounds);
    const good = health.status === 200 && health.type.includes("json");
    const found = !good
      ? fail(
          "4runr",
          "gateway",
          `${base} responded ${health.status}`,
          "the URL is not that of a 4Runr gateway",
        )
      : ready.status === 503
        ? warn("4runr", "gateway", `${base}: up, but not ready: it pauses calls to a tool`)
        : ok("4runr", "gateway", `${base}: ${health.tookMs.toFixed(1)} ms`);
    return { checks: [found, agent], ...timesOf(health) };
  } catch (error) {
    return { checks: [failed("4runr", "gateway", error, "is the URL right, and the gateway up?"), agent] };
  }
}

function timesOf({ time }: Answer): { times?: readonly ServerTime[] } {
  return time === undefined ? {} : { times: [time] };
}

/** How far the clocks are apart. Tokens and trust handshakes end by the clock. */
export function checkClocks(times: readonly ServerTime[]): Check[] {
  if (times.length === 0) return [skip("clock", "skew", "no server sent its time")];
  return times.map(({ server, aheadMs }) => {
    const seconds = (Math.abs(aheadMs) / 1_000).toFixed(1);
    const text =
      aheadMs === 0
        ? `${server}: the same time`
        : `${server} is ${seconds} s ${aheadMs > 0 ? "ahead" : "behind"}`;
    if (Math.abs(aheadMs) < WARN_SKEW_MS) return ok("clock", "skew", text);
    const advice = "set the clock of this machine or of the server, by NTP";
    return Math.abs(aheadMs) < MAX_SKEW_MS
      ? warn("clock", "skew", text, advice)
      : fail("clock", "skew", text, advice);
  });
}

const WARN_SKEW_MS = 2_000;
/** What a worker trust handshake of CAP allows. */
const MAX_SKEW_MS = 60_000;
