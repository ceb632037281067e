/** `agentwire keygen`: a key pair for a sender of CAP packets. */
import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import { generateKeyPair } from "../../cap/index.js";
import { ValidationError } from "../../core/errors.js";
import { type CliCommand, UsageError } from "../command.js";
import { writeNew } from "../files.js";

const MODE = 0o600;

/** `agentwire keygen`. */
export const keygenCommand: CliCommand = {
  configure: (command) => command.argument("<name>", "path of the two files, without .key.pem and .pub.pem"),
  notes:
    "Both files get mode 0600; an existing file is never overwritten. The private key is PKCS8, the public key SPKI,\n" +
    "as all CAP SDKs read them. The other protocols need no key from here: a 4Runr gateway creates its agents' keys.",
  examples: [
    ["keygen client-1", "client-1.key.pem and client-1.pub.pem"],
    ["keygen keys/worker --json", "in a directory; prints the paths"],
  ],
  async run(_options, _io, [name = ""]) {
    if (name === "" || name.endsWith("/")) throw new UsageError(`expected a file name: found "${name}"`);
    const [privateKey, publicKey] = [`${name}.key.pem`, `${name}.pub.pem`];
    // Checked first, so that no half of a pair is written; `writeNew` checks again.
    const taken = [privateKey, publicKey].find((path) => existsSync(path));
    if (taken !== undefined) throw new ValidationError(`${taken} already exists`, { code: "FILE_EXISTS" });
    const pair = generateKeyPair();
    await writeNew(privateKey, pair.privateKeyPem, { mode: MODE });
    try {
      await writeNew(publicKey, pair.publicKeyPem, { mode: MODE });
    } catch (error) {
      await rm(privateKey, { force: true });
      throw error;
    }
    return {
      text: `${privateKey}  private key: keep it secret\n${publicKey}  public key: give it to the receivers\n`,
      result: { curve: "P-256", privateKey, publicKey },
    };
  },
};
