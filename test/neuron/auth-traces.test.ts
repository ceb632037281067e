/** Our OAuth traffic against the five recordings of holokai-neuron-sdk 0.2.0. */
import { readFileSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import type { StoredCredential } from "../../src/neuron/auth/credential-file.js";
import {
  CredentialRevokedError,
  createClientCredentialsAuth,
  EnrollmentError,
  type EnrollOptions,
  enroll,
  OAuthTokenError,
  writeCredentialFile,
} from "../../src/neuron/auth/index.js";
import { Neuron } from "../../src/neuron/index.js";
import { FakeClock } from "../../src/testing/index.js";
import { expectedDifference, staleDifferences } from "../expected-differences.ts";
import { req } from "../requirements/index.ts";
import {
  type AuthServer,
  comparable,
  drive,
  freshPath,
  NEVER_MS,
  RecordingClock,
  readTrace,
  recordedAnswers,
  startAuthServer,
  type TraceLine,
} from "./auth-server.ts";

let server: AuthServer;
afterEach(() => server.close());

/** A server that answers as recorded. */
async function replay(name: string): Promise<TraceLine[]> {
  const trace = readTrace(name);
  server = await startAuthServer(recordedAnswers(trace));
  return trace;
}

/** Every recorded request that we did not make, or made differently, must be an expected difference. */
function compare(name: string, trace: readonly TraceLine[]): void {
  const recorded = trace.filter(({ kind }) => kind === "request");
  expect(server.seen.length).toBeLessThanOrEqual(recorded.length);
  const unexpected = recorded.filter((line, index) => {
    const ours = server.seen[index];
    const equal = ours !== undefined && JSON.stringify(comparable(ours)) === JSON.stringify(comparable(line));
    return !equal && expectedDifference(`neuron/auth-traces/${name}/${line.seq}`) === undefined;
  });
  expect(unexpected).toEqual([]);
}

/** The waits between polls that a note of the recording tells of, in ms. */
function recordedWaits(trace: readonly TraceLine[]): number[] {
  const list = trace.map(({ note = "" }) => /sleeps[^=]*=\[([\d., ]+)\]/.exec(note)?.[1]).find(Boolean)!;
  return list.split(",").map((seconds) => Number(seconds) * 1_000);
}

async function enrolled(options: Omit<EnrollOptions, "mokuBaseUrl" | "credentialPath">) {
  const clock = new RecordingClock();
  const path = freshPath();
  const result = await drive(
    enroll({
      ...options,
      mokuBaseUrl: `${server.url}/`,
      credentialPath: path,
      clock,
      timeoutMs: NEVER_MS,
      out: () => {},
    }),
    clock,
  ).catch((error: unknown) => error);
  return { result, path, waits: clock.waits };
}

const credential = (clientSecret = "sec-1"): StoredCredential => ({
  clientId: "cl-1",
  clientSecret,
  tokenEndpoint: `${server.url}/oauth/token`,
  mokuBaseUrl: server.url,
});

describe("recorded OAuth traffic", () => {
  it(req("neuron.auth.traces", "enroll: pending, slow_down, 409, 503, then the credential"), async () => {
    const trace = await replay("oauth-enroll");
    const { result, path, waits } = await enrolled({
      clientName: "my-neuron",
      hostname: "host-a",
      capabilityTypes: ["a/b", "c/d"],
    });
    expect(result).toMatchObject({ status: "enrolled", clientId: "cl-1", expiresIn: 900 });
    compare("oauth-enroll", trace);
    expect(server.seen).toHaveLength(7);
    expect(waits).toEqual(recordedWaits(trace));
    const content = trace.map(({ note = "" }) => /content=(.*)$/s.exec(note)?.[1]).find(Boolean)!;
    expect(readFileSync(path, "utf8")).toBe(content.replaceAll("http://127.0.0.1:14310", server.url));
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(statSync(dirname(path)).mode & 0o777).toBe(0o700);
  });

  it(req("neuron.auth.traces", "enroll-denied: no metadata, no interval, access_denied"), async () => {
    const trace = await replay("oauth-enroll-denied");
    const { result, waits } = await enrolled({ clientName: "n", hostname: "h" });
    expect(result).toBeInstanceOf(EnrollmentError);
    expect(result).toMatchObject({ code: "ACCESS_DENIED" });
    compare("oauth-enroll-denied", trace);
    expect(waits).toEqual(recordedWaits(trace));
  });

  it(req("neuron.auth.traces", "mint: one request for five calls, the next after 50 s"), async () => {
    const trace = await replay("oauth-mint");
    const path = freshPath();
    await writeCredentialFile(path, credential());
    const clock = new FakeClock();
    const auth = createClientCredentialsAuth(path, { clock });
    expect(await Promise.all([auth(), auth(), auth(), auth(), auth()])).toEqual(Array(5).fill("at-1"));
    await clock.advance(49_900);
    expect(await auth()).toBe("at-1");
    await clock.advance(200);
    expect(await auth()).toBe("at-2");
    compare("oauth-mint", trace);
    expect(server.seen).toHaveLength(2);
  });

  it(req("neuron.auth.traces", "rotate: refused, rotated, and three answers that are none"), async () => {
    const trace = await replay("oauth-rotate");
    const path = freshPath();
    await writeCredentialFile(path, credential());
    const auth = createClientCredentialsAuth(path);
    await expect(auth()).rejects.toBeInstanceOf(CredentialRevokedError);
    await writeCredentialFile(path, credential("sec-2"));
    expect(await auth()).toBe("at-3");
    const second = createClientCredentialsAuth(path);
    for (const error of ["http_500", "invalid_response", "invalid_scope"]) {
      const thrown = await second().catch((reason: unknown) => reason);
      expect(thrown).toBeInstanceOf(OAuthTokenError);
      expect(thrown).toMatchObject({ error });
    }
    compare("oauth-rotate", trace);
    expect(server.seen).toHaveLength(6);
  });

  it(req("neuron.auth.stop", "revoked-neuron: asks once, says so, and stops"), async () => {
    const trace = await replay("oauth-revoked-neuron");
    const path = freshPath();
    await writeCredentialFile(path, credential());
    const clock = new FakeClock();
    const neuron = new Neuron({
      gatewayUrl: server.url,
      neuronId: "n",
      auth: createClientCredentialsAuth(path),
      initialReconnectDelayMs: 200,
      clock,
    });
    const errors: Error[] = [];
    let reconnects = 0;
    neuron.on("error", (error) => errors.push(error));
    neuron.on("connection:reconnecting", () => reconnects++);
    neuron.handle({ type: "a/b", scope: "any", concurrency: 1 }, () => null);
    await neuron.start();
    await clock.advance(60_000);
    expect(reconnects).toBe(0);
    expect(errors.map(({ cause }) => cause instanceof CredentialRevokedError)).toContain(true);
    await neuron.stop();
    compare("oauth-revoked-neuron", trace);
    expect(server.seen).toHaveLength(1);
  });

  it("has no expected difference that is none", () => {
    expect(staleDifferences("neuron/auth-traces/")).toEqual([]);
  });
});
