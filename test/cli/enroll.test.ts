import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type AuthServer, freshPath, startAuthServer } from "../neuron/auth-server.ts";
import { req } from "../requirements/index.ts";
import { collect, run, said, spawnCli } from "./cli.ts";

const PLANTED = "planted-secret-77a0";

let server: AuthServer;
let poll: object;
beforeEach(async () => {
  poll = { body: { access_token: "boot-token", expires_in: 900, client_id: "cl-1", client_secret: PLANTED } };
  server = await startAuthServer(({ path }) => {
    if (path === "/api/v1/auth/token") return poll;
    if (path !== "/api/v1/auth/device") return { status: 404 };
    // So short an interval that nobody waits.
    const device = { device_code: "d", user_code: "CODE-1", verification_uri: "http://v", expires_in: 600 };
    return { body: { ...device, interval: 0.001 } };
  });
});
afterEach(() => server.close());

const enroll = (...argv: string[]) => run(["enroll", "--moku-url", server.url, ...argv]);

describe("agentwire enroll", () => {
  it(
    req("neuron.auth.cli", "enrols: exit 0, the code on the screen, the credential in the file"),
    async () => {
      const path = freshPath();
      const args = ["--credentials-file", path, "--capabilities", "a/b, c/d,,"];
      const { code, out, err } = await enroll(...args);
      expect([code, err]).toEqual([0, ""]);
      expect(out).toContain("CODE-1");
      expect(out).toContain(path);
      expect(out).not.toMatch(/planted|boot-token/);
      expect(server.seen[1]!.form).toEqual({
        client_name: `neuron-${hostname()}`,
        hostname: hostname(),
        capability_types: "a/b,c/d",
      });
      expect(JSON.parse(readFileSync(path, "utf8"))).toMatchObject({
        client_id: "cl-1",
        client_secret: PLANTED,
      });
      poll = { body: { access_token: "t", expires_in: 1 } };
      const again = await enroll(...args, "--json");
      expect(JSON.parse(again.out).result).toEqual({
        status: "already-enrolled",
        clientId: "cl-1",
        credentialPath: path,
        expiresIn: 1,
      });
    },
  );

  it(req("neuron.auth.cli", "says why not, with the code: exit 3 or 1"), async () => {
    poll = { status: 400, body: { error: "access_denied" } };
    const denied = await enroll("--credentials-file", freshPath());
    expect(denied.code).toBe(3);
    expect(denied.err).toMatch(/^agentwire enroll: \[ACCESS_DENIED\] [^[]+\n$/);
    poll = { status: 400, body: { error: "invalid_grant" } };
    const refused = await enroll("--credentials-file", freshPath());
    expect([refused.code, refused.err]).toEqual([
      1,
      expect.stringContaining("agentwire enroll: [OAUTH_TOKEN] the token endpoint answered invalid_grant"),
    ]);
    expect(await run(["enroll"])).toMatchObject({
      code: 2,
      err: expect.stringContaining("--moku-url <url>"),
    });
    const wrong = await run(["enroll", "--moku-url", "moku"]);
    expect([wrong.code, wrong.err]).toEqual([
      2,
      expect.stringContaining("option '--moku-url <url>' argument 'moku' is invalid. Expected a URL"),
    ]);
  });

  it(req("neuron.auth.cli", "is interrupted by Ctrl-C: exit 130"), async () => {
    poll = { status: 400, body: { error: "authorization_pending" } };
    const child = spawnCli([
      "enroll",
      "--moku-url",
      server.url,
      "--name",
      "n",
      "--credentials-file",
      freshPath(),
    ]);
    const outcome = collect(child);
    await said(child, "CODE-1");
    child.kill("SIGINT");
    expect(await outcome).toMatchObject({
      code: 130,
      err: expect.stringContaining("agentwire enroll: [ABORTED] interrupted"),
    });
    expect(server.seen[1]!.form.client_name).toBe("n");
  });
});
