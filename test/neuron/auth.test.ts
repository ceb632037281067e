import { getEventListeners } from "node:events";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { chmod } from "node:fs/promises";
import { homedir, hostname } from "node:os";
import { dirname, join } from "node:path";
import { inspect } from "node:util";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Cut } from "../../src/core/cut.js";
import {
  AbortError,
  AgentwireError,
  AuthError,
  ConnectionError,
  ValidationError,
} from "../../src/core/errors.js";
import { HttpClient } from "../../src/http/index.js";
import type { StoredCredential } from "../../src/neuron/auth/credential-file.js";
import {
  CredentialRevokedError,
  clientSecretPost,
  createClientCredentialsAuth,
  defaultCredentialPath,
  discoverEndpoints,
  EnrollmentError,
  enroll,
  OAuthTokenError,
  readCredentialFile,
  writeCredentialFile,
} from "../../src/neuron/auth/index.js";
import { type AuthCallback, type AuthReason, callbackAuth } from "../../src/neuron/callback-auth.js";
import { FakeClock } from "../../src/testing/index.js";
import { req } from "../requirements/index.ts";
import {
  type AuthServer,
  drive,
  freshPath,
  NEVER_MS,
  RecordingClock,
  startAuthServer,
} from "./auth-server.ts";

let server: AuthServer;
beforeEach(async () => {
  server = await startAuthServer();
});
afterEach(() => server.close());

const PLANTED = "planted-secret-9c1f";
const credential = (clientSecret = PLANTED): StoredCredential => ({
  clientId: "cl-1",
  clientSecret,
  tokenEndpoint: `${server.url}/oauth/token`,
  mokuBaseUrl: server.url,
});

describe("credential file", () => {
  it(req("neuron.auth.file", "has the form and the rights that the SDKs share"), async () => {
    const path = freshPath();
    await writeCredentialFile(path, credential());
    expect(readFileSync(path, "utf8")).toBe(
      `{\n  "client_id": "cl-1",\n  "client_secret": "${PLANTED}",\n  "token_endpoint": "${server.url}/oauth/token",\n  "moku_base_url": "${server.url}"\n}\n`,
    );
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(statSync(dirname(path)).mode & 0o777).toBe(0o700);
    await chmod(path, 0o644);
    const read = (await readCredentialFile(path))!;
    await writeCredentialFile(path, { ...read, clientId: "cl-2" });
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(JSON.parse(readFileSync(path, "utf8"))).toMatchObject({
      client_id: "cl-2",
      client_secret: PLANTED,
    });
    expect(inspect(read) + JSON.stringify(read)).not.toContain(PLANTED);
    expect(defaultCredentialPath()).toBe(join(homedir(), ".holokai", "neuron-credentials.json"));
  });

  it.skipIf(process.platform === "win32")("that others can read or write is warned about, once", async () => {
    for (const [mode, warnings] of [
      [0o600, 0],
      [0o640, 1],
      [0o602, 1],
    ] as const) {
      const path = freshPath();
      await writeCredentialFile(path, credential());
      await chmod(path, mode);
      const warned: string[] = [];
      const logger = { debug() {}, info() {}, warn: (text: string) => void warned.push(text), error() {} };
      for (let i = 0; i < 2; i++) await readCredentialFile(path, { logger });
      const other = freshPath();
      await writeCredentialFile(other, credential());
      await chmod(other, mode);
      await readCredentialFile(other, { logger });
      expect(warned).toHaveLength(2 * warnings);
      server.rule = () => ({ body: { access_token: "t", expires_in: 60 } });
      await createClientCredentialsAuth(path, { logger })();
      expect(warned.filter((text) => text.includes(`chmod 600 ${path}`))).toHaveLength(warnings);
      expect(warned.join()).not.toContain(PLANTED);
    }
  });

  it("leaves the rights of a folder that is there, and no draft where it cannot be written", async () => {
    const path = join(dirname(dirname(freshPath())), "credentials.json");
    await chmod(dirname(path), 0o750);
    await writeCredentialFile(path, credential());
    if (process.platform !== "win32") expect(statSync(dirname(path)).mode & 0o777).toBe(0o750);
    mkdirSync(`${path}.d`);
    await expect(writeCredentialFile(`${path}.d`, credential())).rejects.toMatchObject({ syscall: "rename" });
    expect(readdirSync(dirname(path)).sort()).toEqual(["credentials.json", "credentials.json.d"]);
    // The slash at the end names a folder that is not there, so that not even the draft is made.
    const unmade = writeCredentialFile(`${path}.none/`, credential());
    await expect(unmade).rejects.toMatchObject({ code: "ENOENT", syscall: "open" });
  });

  it(req("neuron.auth.file-malformed", "missing is not enrolled, malformed is an error"), async () => {
    const path = freshPath();
    expect(await readCredentialFile(path)).toBeUndefined();
    await writeCredentialFile(path, credential());
    for (const text of [
      "",
      `{"client_secret": "${PLANTED}"`,
      "null",
      "[]",
      '{"client_id": 1}',
      '{"client_id": ""}',
    ]) {
      writeFileSync(path, text);
      const error = await readCredentialFile(path).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code: "MALFORMED_CREDENTIAL_FILE" });
      const why = /^(|.*[^}\]l])$/.test(text) ? "is not JSON" : "has no ";
      expect((error as Error).message).toContain(why);
      expect(inspect(error)).not.toContain(PLANTED);
    }
    await writeCredentialFile(path, { ...credential(), tokenEndpoint: "token.example/path" });
    for (const odd of [path, dirname(path)])
      await expect(readCredentialFile(odd)).rejects.toMatchObject({ code: "MALFORMED_CREDENTIAL_FILE" });
  });
});

describe("createClientCredentialsAuth", () => {
  const token = (access_token: string, expires_in = 100) => ({ body: { access_token, expires_in } });

  it(
    req("neuron.auth.cache", "keeps a token until max(life - 60 s, half of it), in single flight"),
    async () => {
      const path = freshPath();
      await writeCredentialFile(path, credential());
      server.rule = (_request, index) => token(`at-${index + 1}`, index === 1 ? 600 : 100);
      const clock = new FakeClock();
      const auth = createClientCredentialsAuth(path, { clock });
      expect(await Promise.all(Array.from({ length: 5 }, () => auth()))).toEqual(Array(5).fill("at-1"));
      await clock.advance(49_999);
      expect(await auth({ reason: "request" })).toBe("at-1");
      await clock.advance(1);
      expect(await auth()).toBe("at-2");
      await clock.advance(539_999);
      expect(await auth()).toBe("at-2");
      await clock.advance(1);
      expect(await auth()).toBe("at-3");
      const { signal } = new AbortController();
      expect(await auth({ reason: "unauthorized", signal })).toBe("at-4");
      expect(getEventListeners(signal, "abort")).toEqual([]);
      expect(server.seen).toHaveLength(4);
      expect(server.seen[0]!.form).toEqual({
        grant_type: "client_credentials",
        client_id: "cl-1",
        client_secret: PLANTED,
      });
      expect(inspect(auth, { depth: 9 })).not.toContain("at-4");
      expect(clock.pending).toBe(0);
    },
  );

  it(req("neuron.auth.rotate", "reads the file once more when the client is refused"), async () => {
    const path = freshPath();
    await writeCredentialFile(path, credential("old"));
    server.rule = ({ form }) =>
      form.client_secret === "new" ? token("at") : { status: 401, body: { error: "invalid_client" } };
    const auth = createClientCredentialsAuth(path);
    const refused = await auth().catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(CredentialRevokedError);
    expect(refused).toBeInstanceOf(AuthError);
    expect(refused).toMatchObject({
      retryable: false,
      code: "CREDENTIAL_REVOKED",
      cause: { error: "invalid_client" },
    });
    expect(server.seen).toHaveLength(1);
    await writeCredentialFile(path, credential("new"));
    expect(await auth()).toBe("at");
    server.rule = () => ({ status: 401, body: { error: "invalid_client" } });
    await writeCredentialFile(path, credential("newer"));
    await expect(auth({ reason: "unauthorized" })).rejects.toBeInstanceOf(CredentialRevokedError);
    expect(server.seen).toHaveLength(5);
    await writeCredentialFile(path, { ...credential("new"), clientId: "cl-2" });
    const answers = [{ status: 401, body: { error: "invalid_client" } }, { status: 503 }];
    server.rule = () => answers.shift();
    await expect(auth()).rejects.toMatchObject({
      name: "OAuthTokenError",
      error: "http_503",
      retryable: true,
    });
    expect(server.seen).toHaveLength(7);
    await expect(createClientCredentialsAuth(freshPath())()).rejects.toBeInstanceOf(CredentialRevokedError);
  });

  it(req("neuron.auth.errors", "shows no secret that the endpoint repeats"), async () => {
    const path = freshPath();
    await writeCredentialFile(path, credential());
    let sent = "";
    server.rule = ({ form }) => {
      sent = form!.client_secret!;
      return { status: 400, body: { error: "invalid_request", error_description: `got ${sent}` } };
    };
    const error = await createClientCredentialsAuth(path)().catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ error: "invalid_request", description: "got [secret]" });
    expect(sent.length).toBeGreaterThan(3);
    expect(inspect(error, { depth: 9, showHidden: true })).not.toContain(sent);
  });

  it(
    req("neuron.auth.errors", "names what the endpoint answered, and goes on at the next call"),
    async () => {
      const path = freshPath();
      await writeCredentialFile(path, credential());
      const auth = createClientCredentialsAuth(path);
      const errors = [];
      for (const answer of [
        { status: 500, body: "x" },
        { body: { access_token: "x" } },
        { body: "[1]" },
        { status: 400, body: { error: "invalid_scope", error_description: "no" } },
        { status: 302, headers: { Location: `${server.url}/elsewhere` } },
        { status: 429 },
        { status: 499 },
        { status: 501, body: { error: "", error_description: 7 } },
        undefined,
      ]) {
        server.rule = () => answer;
        errors.push(await auth().catch((error: unknown) => error));
      }
      expect(errors.slice(0, 8).every((error) => error instanceof OAuthTokenError)).toBe(true);
      expect(errors).toMatchObject([
        { error: "http_500", status: 500, retryable: true },
        { error: "invalid_response", status: 200, retryable: false },
        { error: "invalid_response" },
        { error: "invalid_scope", status: 400, description: "no" },
        { error: "http_302", status: 302, reason: "http_302", code: "OAUTH_TOKEN" },
        { error: "http_429", retryable: true },
        { error: "http_499", retryable: false },
        { error: "http_501", retryable: true, description: undefined },
        expect.any(ConnectionError),
      ]);
      expect(inspect(errors, { depth: 9 })).not.toContain(PLANTED);
      expect(server.seen.map(({ path: at }) => at)).toEqual(Array(9).fill("/oauth/token"));
      server.rule = () => token("fine");
      expect(await auth()).toBe("fine");
    },
  );

  it.each<[unknown, number | undefined]>([
    ["100", 100],
    [0.5, 0.5],
    [0, undefined],
    [-100, undefined],
    ["-100", undefined],
    ["NaN", undefined],
    ["", undefined],
    ["1h", undefined],
    ["1e3", undefined],
    [true, undefined],
    [[100], undefined],
    [null, undefined],
    [undefined, undefined],
    ["9".repeat(400), undefined],
  ])("takes an expires_in of %j for %s seconds", async (expires_in, seconds) => {
    const path = freshPath();
    await writeCredentialFile(path, credential());
    server.rule = (_request, index) => ({ body: { access_token: `at-${index + 1}`, expires_in } });
    const clock = new FakeClock();
    const auth = createClientCredentialsAuth(path, { clock });
    if (seconds === undefined)
      return expect(auth()).rejects.toMatchObject({ name: "OAuthTokenError", error: "invalid_response" });
    expect(await auth()).toBe("at-1");
    await clock.advance(seconds * 500 - 1);
    expect(await auth()).toBe("at-1");
    await clock.advance(1);
    expect(await auth()).toBe("at-2");
  });

  it("a token request lasts as long as somebody waits for it, each by the limit of its own request", async () => {
    const path = freshPath();
    await writeCredentialFile(path, credential());
    const clock = new FakeClock();
    const ended: number[] = [];
    const hang = (_: unknown, { signal }: RequestInit = {}) =>
      new Promise<Response>((_, reject) => {
        signal!.addEventListener("abort", () => {
          ended.push(clock.monotonic());
          reject(signal!.reason);
        });
        begun();
      });
    let begun = (): void => {};
    const asked = new Promise<void>((resolve) => (begun = resolve));
    const auth = callbackAuth(createClientCredentialsAuth(path, { clock, fetch: hang, timeoutMs: 0 }));
    const http = new HttpClient({ baseUrl: server.url, clock, auth, retry: false });
    const post = { id: "ack", method: "POST", path: "/ack", idempotent: false } as const;
    const calls = [300, 31_000].map((timeoutMs) =>
      http.send(post, [], { timeoutMs }).then(
        () => expect.unreachable(),
        (error: Error) => [error.name, error.message, clock.monotonic()],
      ),
    );
    await asked;
    expect(await clock.until(Promise.all(calls))).toEqual(
      [300, 31_000].map((ms) => [
        "TimeoutError",
        `ack: the auth callback did not respond within ${ms} ms (attempt 1)`,
        ms,
      ]),
    );
    await clock.settle();
    expect([ended, clock.pending, server.seen.length]).toEqual([[31_000], 0, 0]);
  });

  it("takes another way to prove who it is", async () => {
    const path = freshPath();
    await writeCredentialFile(path, credential());
    server.rule = () => token("t");
    const authenticator =
      ({ clientId }: StoredCredential) =>
      (form: Readonly<Record<string, string>>) => ({
        ...form,
        client_assertion: `signed ${clientId}`,
      });
    await createClientCredentialsAuth(path, { authenticator })();
    expect(server.seen[0]!.form).toEqual({
      grant_type: "client_credentials",
      client_assertion: "signed cl-1",
    });
    expect(clientSecretPost("a", "b")({ x: "y" })).toEqual({ x: "y", client_id: "a", client_secret: "b" });
  });
});

describe("an auth callback", () => {
  const asked = (auth: AuthCallback, refused?: string) =>
    callbackAuth(auth).authorization(new Cut([]), refused);

  it("gives one line of ASCII text, and is told what was refused", async () => {
    const told: AuthReason[] = [];
    const auth: AuthCallback = (why) => `tok ${told.push(why)}~`;
    expect([await asked(auth), await asked(auth, "Bearer old")]).toEqual(["Bearer tok 1~", "Bearer tok 2~"]);
    const signal = expect.any(AbortSignal);
    expect(told).toEqual([
      { reason: "request", signal },
      { reason: "unauthorized", token: "old", signal },
    ]);
  });

  it.each(["", "a\n", "a\nb", "\na", "é", "\u007f", 5, undefined, null])(
    "that gives %j fails",
    async (given) => {
      const error = await Promise.resolve(asked(() => given as string)).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ name: "AuthCallbackError", code: "AUTH_CALLBACK", retryable: true });
      expect(error).toMatchObject({ cause: expect.any(TypeError) });
    },
  );

  it.each<[Error, string, boolean]>([
    [new Error("no"), "AUTH_CALLBACK", true],
    [new ConnectionError("no"), "CONNECTION", true],
    [new AuthError("no"), "AUTH", false],
    [new AuthError("no", { retryable: true }), "AUTH", true],
    [new ValidationError("no"), "VALIDATION", true],
    [new CredentialRevokedError("no"), "CREDENTIAL_REVOKED", false],
  ])("that fails with %s has the code %s, retryable: %s", async (cause, code, retryable) => {
    const error = await Promise.resolve(asked(() => Promise.reject(cause))).catch(
      (thrown: unknown) => thrown,
    );
    expect(error).toMatchObject({ name: "AuthCallbackError", code, retryable });
    expect((error as Error).cause).toBe(cause);
  });
});

describe("discoverEndpoints", () => {
  it(req("neuron.auth.discovery", "uses the paths of the document, or the fixed ones"), async () => {
    const fixed = {
      tokenEndpoint: `${server.url}/m/api/v1/auth/token`,
      deviceAuthorizationEndpoint: `${server.url}/m/api/v1/auth/device`,
    };
    for (const answer of [
      undefined,
      { status: 404 },
      { status: 302, headers: { Location: "/m/elsewhere" } },
      { body: "no json" },
      { body: { token_endpoint: "/t" } },
      { body: { device_authorization_endpoint: "/d" } },
      { body: { token_endpoint: 7, device_authorization_endpoint: "/d" } },
      { body: { token_endpoint: "/t", device_authorization_endpoint: 7 } },
      { body: { token_endpoint: "http://[", device_authorization_endpoint: "/d" } },
    ]) {
      server.rule = () => answer;
      expect(await discoverEndpoints(`${server.url}/m//`)).toEqual(fixed);
    }
    expect(server.seen[0]!.path).toBe("/m/.well-known/oauth-authorization-server");
    expect(server.seen).toHaveLength(9);
    server.rule = () => ({
      body: { token_endpoint: "https://inner.example/a?b=c", device_authorization_endpoint: "/d" },
    });
    expect(await discoverEndpoints(`${server.url}/m`)).toEqual({
      tokenEndpoint: `${server.url}/a?b=c`,
      deviceAuthorizationEndpoint: `${server.url}/d`,
    });
    const warned: string[] = [];
    const logger = { debug() {}, info() {}, warn: (text: string) => void warned.push(text), error() {} };
    await discoverEndpoints("http://moku.example", { logger, fetch: async () => Response.json({}) });
    expect(warned).toEqual([]); // nothing secret is sent
    await expect(discoverEndpoints(server.url, { signal: AbortSignal.abort() })).rejects.toBeInstanceOf(
      AbortError,
    );
  });
});

describe("enroll", () => {
  const device = { device_code: "d", user_code: "U", verification_uri: "http://v", expires_in: 60 };
  const tokens = { access_token: "boot-token", expires_in: 900, client_id: "cl-9", client_secret: PLANTED };

  /** Enrols against answers to the device request and to the polls, the last of which is repeated. */
  async function run(
    deviceAnswer: object,
    polls: readonly object[],
    path = freshPath(),
    signal?: AbortSignal,
    more: object = {},
  ) {
    let asked = 0;
    server.rule = ({ path: at }) => {
      if (at === "/api/v1/auth/device") return deviceAnswer;
      return at === "/api/v1/auth/token" ? polls[Math.min(asked++, polls.length - 1)] : { status: 404 };
    };
    const clock = new RecordingClock();
    const lines: string[] = [];
    const options = { mokuBaseUrl: server.url, clientName: "n", credentialPath: path, timeoutMs: NEVER_MS };
    const all = enroll({ ...options, clock, signal, out: (line) => lines.push(line), ...more });
    const end = await drive(all, clock).catch((error: unknown) => error);
    return { end, lines, clock, path };
  }

  it("ends with an error of this package if out throws", async () => {
    const own = new Error("no terminal");
    const out = () => {
      throw own;
    };
    const { end } = await run({ body: device }, [{ body: tokens }], undefined, undefined, { out });
    expect(end).toBeInstanceOf(AgentwireError);
    expect(end).toMatchObject({ cause: own, message: "out failed: no terminal" });
  });

  it.each([
    [[{ status: 400, body: { error: "expired_token" } }], "EXPIRED_TOKEN"],
    [[{ status: 400, body: { error: "authorization_pending" } }], "EXPIRED_TOKEN"],
    [[{ status: 400, body: { error: "access_denied" } }], "ACCESS_DENIED"],
    [[{ body: { ...tokens, client_secret: undefined } }], "INVALID_RESPONSE"],
    [[{ body: "{}" }], "INVALID_RESPONSE"],
  ])(req("neuron.auth.enroll-errors", "polls %j end as %s"), async (polls, code) => {
    const { end, path, clock } = await run({ body: device }, polls);
    expect(end).toBeInstanceOf(EnrollmentError);
    expect(end).toMatchObject({ code });
    expect(existsSync(path)).toBe(false);
    expect(clock.pending).toBe(0);
    expect(clock.waits.every((ms) => ms === 5_000)).toBe(true);
  });

  it("fails at the device request", async () => {
    const options = { mokuBaseUrl: "nonsense", clientName: "n", credentialPath: freshPath() };
    await expect(enroll(options)).rejects.toBeInstanceOf(ValidationError);
    expect((await run({ status: 403, body: { error: "nope" } }, [])).end).toMatchObject({
      code: "DEVICE_REQUEST_FAILED",
      status: 403,
    });
    for (const member of Object.keys(device)) {
      const { end } = await run({ body: { ...device, [member]: undefined } }, []);
      expect(end).toMatchObject({ code: "INVALID_RESPONSE" });
    }
    const { end } = await run({ body: device }, [{ status: 400, body: { error: "invalid_grant" } }]);
    expect(end).toBeInstanceOf(OAuthTokenError);
  });

  it(
    req("neuron.auth.enroll", "keeps what it has, replaces what was revoked, prints no secret"),
    async () => {
      const first = await run({ body: { ...device, verification_uri_complete: "http://v?c=U" } }, [
        { body: tokens },
      ]);
      expect(first.end).toMatchObject({ status: "enrolled", clientId: "cl-9", expiresIn: 900 });
      expect((first.end as { accessToken: string }).accessToken).toBe("boot-token");
      const waiting = [
        "An administrator of your organisation approves this neuron at",
        "  http://v?c=U",
        "with the code U",
        "Waiting; the code expires in 1 min.",
      ];
      const done = (id: string) => `Enrolled as client ${id}; the credential is in ${first.path}.`;
      expect(first.lines).toEqual([...waiting, done("cl-9")]);
      expect(inspect(first.end) + first.lines.join()).not.toMatch(/planted|boot-token/);

      server.seen.length = 0;
      const second = await run({ status: 500 }, [{ body: { access_token: "a", expires_in: 1 } }], first.path);
      expect(second.end).toMatchObject({
        status: "already-enrolled",
        clientId: "cl-9",
        credentialPath: first.path,
        expiresIn: 1,
        accessToken: "a",
      });
      expect(second.lines).toEqual(["This machine is enrolled already, as client cl-9."]);
      expect(server.seen.map(({ form }) => form.grant_type)).toEqual(["client_credentials"]);

      const refused = { status: 401, body: { error: "invalid_client" } };
      const third = await run(
        { body: device },
        [refused, { body: { ...tokens, client_id: "cl-10" } }],
        first.path,
      );
      expect(third.end).toMatchObject({ status: "enrolled", clientId: "cl-10" });
      waiting[1] = "  http://v";
      const again = "The credential on this machine was revoked; enrolling again.";
      expect(third.lines).toEqual([again, ...waiting, done("cl-10")]);
      const fourth = await run({ body: device }, [{ status: 503, body: "" }], first.path);
      expect(fourth.end).toMatchObject({ error: "http_503" });
    },
  );

  it.each<[object | undefined, string | undefined, number[]]>([
    [undefined, undefined, [5_000, 5_000]],
    [{ status: 409 }, undefined, [5_000, 5_000]],
    [{ status: 429 }, undefined, [5_000, 5_000]],
    [{ status: 500 }, undefined, [5_000, 5_000]],
    [{ status: 400, body: { error: "authorization_pending" } }, undefined, [5_000, 5_000]],
    [{ status: 400, body: { error: "slow_down" } }, undefined, [5_000, 10_000]],
    [{ status: 400 }, "http_400", [5_000]],
    [{ status: 404 }, "http_404", [5_000]],
  ])(
    req("neuron.auth.enroll-errors", "a poll answered %j ends it with %s after waits of %j"),
    async (answer, error, waits) => {
      const warned: unknown[] = [];
      const logger = {
        debug() {},
        info() {},
        warn: (_: string, fields?: object) => warned.push(fields),
        error() {},
      };
      const polls = [answer as object, { body: tokens }];
      const { end, clock } = await run({ body: device }, polls, undefined, undefined, { logger });
      expect(end).toMatchObject(error === undefined ? { status: "enrolled" } : { error });
      expect(clock.waits).toEqual(waits);
      const isTold = error === undefined && !(answer as { body?: object } | undefined)?.body;
      expect(warned).toMatchObject(isTold ? [{ error: { attempts: 1 } }] : []);
    },
  );

  it("says who it is, and for how long its code is good", async () => {
    const written: unknown[] = [];
    vi.spyOn(process.stdout, "write").mockImplementation((text) => written.push(text) > 0);
    const more = { out: undefined, capabilityTypes: ["a/b", "c/d"] };
    const pending = { status: 400, body: { error: "authorization_pending" } };
    const answer = { body: { ...device, expires_in: 61, interval: 30 } };
    const { end, clock } = await run(
      answer,
      [pending, pending, { body: tokens }],
      undefined,
      undefined,
      more,
    );
    vi.restoreAllMocks();
    expect(end).toMatchObject({ code: "EXPIRED_TOKEN" });
    expect(clock.waits).toEqual([30_000, 30_000]);
    expect(written.at(-1)).toBe("Waiting; the code expires in 2 min.\n");
    const forms = server.seen.map(({ form }) => form);
    expect(forms[1]).toEqual({ client_name: "n", hostname: hostname(), capability_types: "a/b,c/d" });
    expect(forms[2]).toEqual({
      grant_type: "urn:ietf:params:oauth:grant-type:device_code",
      device_code: "d",
    });
    // The last moment at which the code is good is one at which it is asked for.
    const last = await run({ body: { ...device, interval: 30 } }, [pending, { body: tokens }]);
    expect([last.clock.waits, last.end]).toEqual([
      [30_000, 30_000],
      expect.objectContaining({ status: "enrolled" }),
    ]);
    await run({ status: 400 }, [], undefined, undefined, { capabilityTypes: [], hostname: "h" });
    expect(server.seen.at(-1)!.form).toEqual({ client_name: "n", hostname: "h" });
  });

  it("ends at once when its signal fires, between polls", async () => {
    const controller = new AbortController();
    const polls = [{ status: 400, body: { error: "authorization_pending" } }];
    const going = run({ body: device }, polls, freshPath(), controller.signal);
    while (server.seen.length < 4) await new Promise((resolve) => setImmediate(resolve));
    controller.abort();
    const { end, clock } = await going;
    expect(end).toBeInstanceOf(AbortError);
    expect(clock.pending).toBe(0);
  });
});
