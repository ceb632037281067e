/** What `agentwire doctor` finds on this machine: Node, the environment, keys. */
import { existsSync } from "node:fs";
import { stat } from "node:fs/promises";
import { PROTOCOL_VERSION as CAP_VERSION } from "../../../gen/cap/index.js";
import { defaultCrypto } from "../../cap/crypto/backend.js";
import { toSigningKey } from "../../cap/crypto/key-ring.js";
import { parseWorkerTrustMode } from "../../cap/trust-mode.js";
import type { Env } from "../../core/env.js";
import { errorText } from "../../core/errors.js";
import { isSecretName } from "../../core/secret-names.js";
import { VERSION } from "../../index.js";
import { FALLBACK_PROTOCOL_VERSION, PROTOCOL_VERSION as NEURON_VERSION } from "../../neuron/frames.js";
import { readPrivateKey, readPublicKey } from "../key-files.js";
import { type Check, fail, ok, warn } from "./check.js";
import type { DoctorOptions } from "./options.js";
import { SUPPORTED_NODE } from "./supported-node.js";

const HANDSHAKE = "CORDUM_SDK_HANDSHAKE";
/** Variables that the clients read. */
const KNOWN =
  /^(?:NATS_|REDIS_|BIGBRAIN_|AUREUS_|GATEWAY_URL$|AGENT_ID$|AGENT_PRIVATE_KEY$|WORKER_ID$|CORDUM_|NODE_EXTRA_CA_CERTS$|SSL_CERT_FILE$|NODE_TLS_REJECT_UNAUTHORIZED$)/;

/** Versions and environment. */
export function checkMachine(env: Env): Check[] {
  const checks: Check[] = [];
  const node = process.versions.node;
  const [major = 0, minor = 0] = node.split(".").map(Number);
  const good = major > SUPPORTED_NODE[0] || (major === SUPPORTED_NODE[0] && minor >= SUPPORTED_NODE[1]);
  const text = `Node ${node}, agentwire ${VERSION}, ${defaultCrypto().name}`;
  checks.push(
    good
      ? ok("versions", "runtime", text)
      : fail("versions", "runtime", text, `use Node ${SUPPORTED_NODE.join(".")} or later`),
  );
  const protocols = `CAP ${CAP_VERSION}; neuron ${NEURON_VERSION}, else ${FALLBACK_PROTOCOL_VERSION}`;
  checks.push(ok("versions", "protocols", protocols));
  for (const [name, value] of Object.entries(env)) {
    // An empty mode of worker trust is not taken for one that is not set.
    if (value === undefined || (value === "" && name !== HANDSHAKE) || !KNOWN.test(name)) continue;
    checks.push(variable(name, value));
  }
  return checks;
}

/** What an agent will do in this mode of worker trust. */
function workerTrust(value: string): Check {
  const name = HANDSHAKE;
  const advice = "set it to off, warn or enforce; with warn and enforce, pass `workerTrust` to the agent";
  try {
    const mode = parseWorkerTrustMode(value);
    if (mode === "off") return ok("env", name, value);
    const session = mode === "warn" ? "and asks for a session" : "and only with a session";
    return warn("env", name, `${mode}: an agent starts only with \`workerTrust\`, ${session}`, advice);
  } catch (error) {
    return fail("env", name, `an agent does not start: ${errorText(error)}`, advice);
  }
}

function variable(name: string, value: string): Check {
  if (value !== value.trim() || /^["'].*["']$/.test(value)) {
    return warn(
      "env",
      name,
      "has quotes or spaces around its value",
      `unset ${name}, or set it without them`,
    );
  }
  if (name === HANDSHAKE) return workerTrust(value);
  if (name === "NODE_TLS_REJECT_UNAUTHORIZED" && value === "0") {
    return warn("env", name, "disables certificate checks in the whole process", `unset ${name}`);
  }
  if (/_TLS_INSECURE$/.test(name) && /^(?:1|true)$/i.test(value)) {
    return warn("env", name, "disables the check of the server's certificate", `unset ${name}`);
  }
  // Where a key may be given as the path of a file, a path is not a secret.
  const isPath = name === "AGENT_PRIVATE_KEY" && existsSync(value);
  if (isSecretName(name) && !isPath) return ok("env", name, `[secret], ${value.length} characters`);
  return ok("env", name, value);
}

/** Keys that options and environment name. */
export async function checkKeys(
  { key: path, trust = [], sender: mySender }: DoctorOptions,
  env: Env,
): Promise<Check[]> {
  const checks: Check[] = [];
  let mine: string | undefined;
  if (path !== undefined) {
    try {
      mine = toSigningKey(await readPrivateKey(path)).publicKeyPem;
      checks.push(await privateFile(path, "private key"));
    } catch (error) {
      checks.push(fail("keys", "private key", errorText(error), "create one with agentwire keygen"));
    }
  }
  const own: string[] = [];
  for (const text of trust) {
    const at = text.indexOf("=");
    const [sender, file] = [text.slice(0, Math.max(at, 0)), text.slice(at + 1)];
    try {
      const pem = await readPublicKey(file);
      defaultCrypto().verifyingKey(pem);
      if (sender === mySender) own.push(pem);
      checks.push(ok("keys", `key of ${sender}`, `${file}: P-256`));
    } catch (error) {
      checks.push(
        fail(
          "keys",
          `key of ${sender}`,
          `${file}: ${errorText(error)}`,
          "expected an SPKI public key in PEM, on P-256",
        ),
      );
    }
  }
  if (mine !== undefined && own.length > 0) checks.push(matching(mine, own, mySender!));
  const agentKey = env.AGENT_PRIVATE_KEY;
  if (agentKey?.startsWith("/") && !agentKey.includes("\n")) {
    checks.push(await privateFile(agentKey, "AGENT_PRIVATE_KEY"));
  }
  return checks;
}

function matching(mine: string, own: readonly string[], sender: string): Check {
  const same = own.some((pem) => pem.replace(/\s+/g, "") === mine.replace(/\s+/g, ""));
  return same
    ? ok("keys", "pair", `the private key belongs to a public key of ${sender}`)
    : fail(
        "keys",
        "pair",
        `the private key belongs to none of the public keys of ${sender}`,
        "give the receivers its public key, or sign with the other key",
      );
}

async function privateFile(path: string, what: string): Promise<Check> {
  try {
    const { mode } = await stat(path);
    if ((mode & 0o077) === 0) return ok("keys", what, path);
    const text = `${path} can be read by others (mode ${(mode & 0o777).toString(8)})`;
    return warn("keys", what, text, `chmod 600 ${path}`);
  } catch (error) {
    return fail("keys", what, errorText(error));
  }
}
