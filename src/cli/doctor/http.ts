/** What `agentwire doctor` finds on the three HTTP protocols. */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { operationTable as fourRunr } from "../../../gen/4runr/index.js";
import { operationTable as neuron } from "../../../gen/neuron/index.js";
import { timeLimit } from "../../core/abort.js";
import { Cut } from "../../core/cut.js";
import { type Env, readEnv } from "../../core/env.js";
import { AbortError, ConnectionError, errorText } from "../../core/errors.js";
import { randomHex } from "../../core/ids.js";
import { isInsecure } from "../../core/insecure.js";
import { createClientCredentialsAuth, defaultCredentialPath } from "../../neuron/auth/index.js";
import { about, type Check, lookAt, type ServerTime, type Situation } from "./check.js";

interface Answer {
  readonly status: number;
  readonly isJson: boolean;
  readonly type: string;
  readonly took: string;
}

/** Asks once, follows no redirect, and leaves the body unread. @throws ConnectionError, TimeoutError, AbortError */
async function ask(
  url: string,
  { options, signal, times }: Situation,
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  const cut = new Cut([signal], timeLimit({ timeoutMs: options.timeoutMs, what: `GET ${url}` }));
  const [before, started] = [Date.now(), performance.now()];
  try {
    const response = await fetch(url, { headers, redirect: "manual", signal: cut.signal });
    const took = `${(performance.now() - started).toFixed(1)} ms`;
    const date = Date.parse(response.headers.get("date") ?? "");
    const server = new URL(url).host;
    const known = times.some((time) => time.server === server);
    if (!Number.isNaN(date) && !known) times.push({ server, aheadMs: aheadMs(date, before, Date.now()) });
    const type = response.headers.get("content-type") ?? "";
    return { status: response.status, type, isJson: type.includes("json"), took };
  } catch (error) {
    if (cut.reason !== undefined) throw cut.reason;
    const cause = (error as { cause?: unknown }).cause ?? error;
    throw new ConnectionError(`${url}: ${errorText(cause)}`, { cause: error });
  } finally {
    cut.cut(new AbortError("nobody reads the body")); // ends an event stream, too
  }
}

/** How far a date of one second's resolution lies outside the time in which it was written. */
function aheadMs(date: number, from: number, to: number): number {
  if (date > to) return date - to;
  return date + 999 < from ? date + 999 - from : 0;
}

/** A gateway for neurons: a stream is opened under an id that nobody has, and nothing is registered. */
export function checkNeuron(situation: Situation): Promise<readonly Check[]> {
  return lookAt("neuron", situation, async (url, checks) => {
    const { warn, failed } = about("neuron", "token");
    let token: string | undefined;
    try {
      token = await neuronToken(situation.env);
    } catch (error) {
      checks.push(failed(error, "agentwire enroll, or set BIGBRAIN_TOKEN"));
      return;
    }
    const advice = "set BIGBRAIN_TOKEN or BIGBRAIN_TOKEN_FILE, or agentwire enroll";
    checks.push(token === undefined ? warn("no token is set", advice) : tokenCheck(token, url));
    const id = `agentwire-doctor-${randomHex(4)}`;
    const events = `${url.replace(/\/+$/, "")}${neuron.openEvents.path}?neuronId=${id}`;
    const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const answer = await ask(events, situation, { accept: "text/event-stream", ...authorization });
    checks.push(judgeStream(url, answer, token !== undefined));
  });
}

function judgeStream(url: string, { status, type, took }: Answer, hasToken: boolean): Check {
  const { ok, warn, fail } = about("neuron", "gateway");
  if (status === 200 && type.startsWith("text/event-stream")) return ok(`${url}: event stream after ${took}`);
  if (status !== 401 && status !== 403) {
    const text = `${url} responded ${status} ${type}`.trimEnd();
    return fail(text, "the URL is not that of a BigBrain gateway");
  }
  if (!hasToken) return warn(`${url} is up and requires a token`);
  const refused = fail(`${url} responded ${status}`, "the token is refused: get a new one");
  return { ...refused, unreachable: true };
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

function tokenCheck(token: string, url: string): Check {
  const { ok, warn, fail } = about("neuron", "token");
  if (isInsecure(url)) return warn("it is sent unencrypted beyond this machine", "use an https:// URL");
  const exp = expiryOf(token);
  if (exp === undefined) return ok(`${token.length} characters, without an expiry`);
  const leftS = Math.round(exp - Date.now() / 1_000);
  return leftS > 0 ? ok(`valid for ${leftS} s`) : fail(`expired ${-leftS} s ago`, "get a new one");
}

function expiryOf(token: string): number | undefined {
  try {
    const claims = Buffer.from(token.split(".")[1] ?? "", "base64url").toString();
    const { exp } = JSON.parse(claims) as { exp?: unknown };
    return typeof exp === "number" ? exp : undefined;
  } catch {
    return undefined; // tokens need not be JWTs
  }
}

/** An Aureus: which of its two dialects does it speak? */
export function checkAureus(situation: Situation): Promise<readonly Check[]> {
  const { ok, fail } = about("aureus", "server");
  return lookAt("aureus", situation, async (url, checks) => {
    const base = url.replace(/\/+$/, "");
    const v1 = await ask(`${base}/api/v1/workflows/agentwire-doctor/status`, situation);
    const console = await ask(`${base}/health`, situation);
    const speaks = [v1.isJson && "V1", console.status === 200 && console.isJson && "console"].filter(Boolean);
    checks.push(
      speaks.length > 0
        ? ok(`${base}: speaks ${speaks.join(" and ")}, ${v1.took}`)
        : fail(`${base} responded ${v1.status}`, "the URL is not that of an Aureus server"),
    );
  });
}

/** A 4Runr gateway, and whether there is an agent to speak for. */
export function check4Runr(situation: Situation): Promise<readonly Check[]> {
  const { ok, warn, fail } = about("4runr", "gateway");
  return lookAt("4runr", situation, async (url, checks) => {
    const base = url.replace(/\/+$/, "");
    if (base.startsWith("mock:")) {
      checks.push(ok(`${base}: inside the process`));
      return;
    }
    try {
      const health = await ask(`${base}${fourRunr.getHealth.path}`, situation);
      const ready = await ask(`${base}${fourRunr.getReadiness.path}`, situation);
      if (health.status !== 200 || !health.isJson)
        checks.push(fail(`${base} responded ${health.status}`, "the URL is not that of a 4Runr gateway"));
      else if (ready.status === 503)
        checks.push(warn(`${base}: up, but not ready: it pauses calls to a tool`));
      else checks.push(ok(`${base}: ${health.took}`));
    } finally {
      checks.push(agentCheck(situation.env));
    }
  });
}

function agentCheck(env: Env): Check {
  const { ok, warn } = about("4runr", "agent");
  if (readEnv("AGENT_ID", env) !== undefined) return ok("AGENT_ID is set");
  return warn("AGENT_ID is not set", "create one with GatewayAdmin.createAgent, or pass agentId");
}

/** How far the clocks are apart. Tokens and trust handshakes end by the clock. */
export function checkClocks(times: readonly ServerTime[]): Check[] {
  const { ok, warn, fail, skip } = about("clock", "skew");
  if (times.length === 0) return [skip("no server sent its time")];
  return times.map(({ server, aheadMs }) => {
    const apartMs = Math.abs(aheadMs);
    const apart = `${(apartMs / 1_000).toFixed(1)} s ${aheadMs > 0 ? "ahead" : "behind"}`;
    const text = aheadMs === 0 ? `${server}: the same time` : `${server} is ${apart}`;
    if (apartMs < WARN_SKEW_MS) return ok(text);
    return (apartMs < MAX_SKEW_MS ? warn : fail)(
      text,
      "set the clock of this machine or of the server, by NTP",
    );
  });
}

const WARN_SKEW_MS = 2_000;
/** What a worker trust handshake of CAP allows. */
const MAX_SKEW_MS = 60_000;
