/** Credential files and tokens, shared with the official holokai-neuron-sdk 0.2.0. */
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { reveal } from "../../src/core/secret.js";
import {
  createClientCredentialsAuth,
  readCredentialFile,
  writeCredentialFile,
} from "../../src/neuron/auth/index.js";
import { freshPath, startAuthServer } from "../neuron/auth-server.ts";
import { req } from "../requirements/index.ts";
import { describeWithPeers, neuronPython } from "./ladder.ts";

const WRITE = `
import sys
from holokai_neuron_sdk.auth import StoredCredential, write_credential_file
write_credential_file(sys.argv[1], StoredCredential("cl-ü", "sec-1", sys.argv[2] + "/oauth/token", sys.argv[2]))
`;
const MINT = `
import asyncio, sys
from holokai_neuron_sdk.auth import create_client_credentials_auth
print(asyncio.run(create_client_credentials_auth(sys.argv[1])()))
`;

await describeWithPeers("credential files and holokai-neuron-sdk 0.2.0", [neuronPython], ([python]) => {
  it(req("neuron.auth.python", "what one side writes, the other reads and mints with"), async () => {
    const server = await startAuthServer(() => ({ body: { access_token: "at", expires_in: 900 } }));
    try {
      const theirs = freshPath();
      await promisify(execFile)(python!, ["-c", WRITE, theirs, server.url]);
      const credential = (await readCredentialFile(theirs))!;
      expect({ ...credential, clientSecret: reveal(credential.clientSecret) }).toEqual({
        clientId: "cl-ü",
        clientSecret: "sec-1",
        tokenEndpoint: `${server.url}/oauth/token`,
        mokuBaseUrl: server.url,
      });
      expect(await createClientCredentialsAuth(theirs)()).toBe("at");
      const ours = freshPath();
      await writeCredentialFile(ours, credential);
      expect(JSON.parse(readFileSync(ours, "utf8"))).toEqual(JSON.parse(readFileSync(theirs, "utf8")));
      const { stdout } = await promisify(execFile)(python!, ["-c", MINT, ours]);
      expect(stdout.trim()).toBe("at");
      expect(server.seen[0]!.form).toEqual(server.seen[1]!.form);
    } finally {
      await server.close();
    }
  });
});
