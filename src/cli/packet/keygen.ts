/** `agentwire keygen`: a key pair for a sender of CAP packets. */
import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import { generateKeyPair } from "../../cap/index.js";
import { ValidationError } from "../../core/errors.js";
import { type Command, UsageError } from "../command.js";
import { EXIT } from "../exit-codes.js";
import { writeNew } from "../files.js";
import { printJson } from "../io.js";

const MODE = 0o600;

/** Options, help and run of `agentwire keygen`. */
export const keygenCommand: Command = {
  options: [],
  maxArguments: 1,
  notes:
    "Both files are readable by their owner only; an existing file is never overwritten. The private key is PKCS8,\n" +
    "the public one SPKI, as all CAP SDKs take them. The other wires need no key made here: a 4Runr gateway makes\n" +
    "the key of an agent itself, and uses it for nothing.",
  examples: [
    ["keygen client-1", "client-1.key.pem and client-1.pub.pem"],
    ["keygen keys/worker --json", "in a folder; prints where they are"],
  ],
  async run(args, io) {
    const [name] = args.rest;
    if (name === undefined || name === "" || name.endsWith("/")) {
      throw new UsageError("a name is missing: agentwire keygen client-1");
    }
    const [privateKey, publicKey] = [`${name}.key.pem`, `${name}.pub.pem`];
    // Looked at first, so that no half of a pair is written; `writeNew` refuses again for itself.
    const taken = [privateKey, publicKey].find((path) => existsSync(path));
    if (taken !== undefined) {
      throw new ValidationError(`${taken} is there already and is not overwritten`, { code: "FILE_EXISTS" });
    }
    const pair = generateKeyPair();
    await writeNew(privateKey, pair.privateKeyPem, { mode: MODE });
    try {
      await writeNew(publicKey, pair.publicKeyPem, { mode: MODE });
    } catch (error) {
      await rm(privateKey, { force: true });
      throw error;
    }
    if (args.flag("json")) printJson(io, { curve: "P-256", privateKey, publicKey });
    else
      io.out(
        `${privateKey}  the private key: keep it\n${publicKey}  the public key: give it to the receivers\n`,
      );
    return EXIT.ok;
  },
};
