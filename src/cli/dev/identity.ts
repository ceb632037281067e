/** Who `agentwire dev` is for its clients, kept from run to run: variables that were copied stay good. */
import { createHash, generateKeyPairSync } from "node:crypto";
import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import type { Env } from "../../core/env.js";
import { errorText } from "../../core/errors.js";
import { writeNew } from "../files.js";
import { readToken } from "./token.js";

/** What stays the same. */
export interface Identity {
  /** Of the agent at the 4Runr gateway. */
  readonly agentId: string;
  readonly privateKeyPem: string;
  /** The file with the key, readable by its owner only. */
  readonly keyFile: string;
  /** The token of neurons. */
  readonly neuronToken: string;
  /** Removes what is not to be kept. */
  close(): Promise<void>;
}

/**
 * Reads the identity in `$XDG_STATE_HOME/agentwire/dev` (default: `~/.local/state/agentwire/dev`), and creates it at the
 * first run. If that folder cannot be used, `log` gets a message, and the identity lasts for this run only.
 */
export async function readIdentity(env: Env, log: (text: string) => void): Promise<Identity> {
  const state = env.XDG_STATE_HOME || join(env.HOME || homedir(), ".local/state");
  const folder = join(state, "agentwire/dev");
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    return { ...(await identityIn(folder)), close: async () => {} };
  } catch (error) {
    log(`AGENT_ID and BIGBRAIN_TOKEN change with the next run: ${errorText(error)}`);
    const passing = await mkdtemp(join(tmpdir(), "agentwire-dev-"));
    const close = () => rm(passing, { recursive: true, force: true });
    return { ...(await identityIn(passing)), close };
  }
}

async function identityIn(folder: string): Promise<Omit<Identity, "close">> {
  const keyFile = join(folder, "agent.key.pem");
  const read = () => readFile(keyFile, "utf8");
  const privateKeyPem = await read().catch(async () => {
    const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    await writeNew(keyFile, privateKey.export({ type: "pkcs8", format: "pem" }).toString(), { mode: 0o600 });
    return read();
  });
  const hash = createHash("sha256").update(privateKeyPem).digest("hex");
  const agentId = hash.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12}).*$/s, "$1-$2-$3-$4-$5");
  const neuronToken = (await readToken(join(folder, "neuron-token")))!;
  return { agentId, privateKeyPem, keyFile, neuronToken };
}
