/** What `agentwire doctor` finds on this machine: Node, the environment, keys. */
import { existsSync } from "node:fs";
import { stat } from "node:fs/promises";
import { PROTOCOL_VERSION as CAP_VERSION } from "../../../gen/cap/index.js";
import { defaultCrypto } from "../../cap/crypto/backend.js";
import { toSigningKey } from "../../cap/crypto/key-ring.js";
import { parseWorkerTrustMode } from "../../cap/trust/config.js";
import type { Env } from "../../core/env.js";
import { errorText } from "../../core/errors.js";
import { isSecretName } from "../../core/secret-names.js";
import { VERSION } from "../../index.js";
import { FALLBACK_PROTOCOL_VERSION, PROTOCOL_VERSION as NEURON_VERSION } from "../../neuron/frames.js";
import { readPrivateKey, readPublicKey, senderAndPath } from "../key-files.js";
import { about, type Check } from "./check.js";
import type { DoctorOptions } from "./options.js";
import { SUPPORTED_NODE } from "./supported-node.js";

const HANDSHAKE = "CORDUM_SDK_HANDSHAKE";
/** Variables that the clients read. */
const KNOWN =
  /^(?:NATS_|REDIS_|BIGBRAIN_|AUREUS_|GATEWAY_URL$|AGENT_ID$|AGENT_PRIVATE_KEY$|WORKER_ID$|CORDUM_|NODE_EXTRA_CA_CERTS$|SSL_CERT_FILE$|NODE_TLS_REJECT_UNAUTHORIZED$)/;

/** Versions and environment. */
export function checkMachine(env: Env): Check[] {
  const { ok, fail } = about("versions", "runtime");
  const node = process.versions.node;
  const [major = 0, minor = 0] = node.split(".").map(Number);
  const good = major > SUPPORTED_NODE[0] || (major === SUPPORTED_NODE[0] && minor >= SUPPORTED_NODE[1]);
  const text = `Node ${node}, agentwire ${VERSION}, ${defaultCrypto().name}`;
  const protocols = `CAP ${CAP_VERSION}; neuron ${NEURON_VERSION}, else ${FALLBACK_PROTOCOL_VERSION}`;
  const variables = Object.entries(env).flatMap(([name, value = ""]) => {
    // An empty mode of worker trust is not taken for one that is not set.
    const isSet = value !== "" || (name === HANDSHAKE && env[name] !== undefined);
    return isSet && KNOWN.test(name) ? [variable(name, value)] : [];
  });
  return [
    good ? ok(text) : fail(text, `use Node ${SUPPORTED_NODE.join(".")} or later`),
    about("versions", "protocols").ok(protocols),
    ...variables,
  ];
}

function variable(name: string, value: string): Check {
  const { ok, warn } = about("env", name);
  if (value !== value.trim() || /^["'].*["']$/.test(value))
    return warn("has quotes or spaces around its value", `unset ${name}, or set it without them`);
  if (name === HANDSHAKE) return workerTrust(value);
  if (name === "NODE_TLS_REJECT_UNAUTHORIZED" && value === "0")
    return warn("disables certificate checks in the whole process", `unset ${name}`);
  if (/_TLS_INSECURE$/.test(name) && /^(?:1|true)$/i.test(value))
    return warn("disables the check of the server's certificate", `unset ${name}`);
  // Where a key may be given as the path of a file, a path is not a secret.
  const isPath = name === "AGENT_PRIVATE_KEY" && existsSync(value);
  return ok(isSecretName(name) && !isPath ? `[secret], ${value.length} characters` : value);
}

/** What an agent will do in this mode of worker trust. */
function workerTrust(value: string): Check {
  const { ok, warn, fail } = about("env", HANDSHAKE);
  const advice = "set it to off, warn or enforce; with warn and enforce, pass `workerTrust` to the agent";
  try {
    const mode = parseWorkerTrustMode(value);
    if (mode === "off") return ok(value);
    const session = mode === "warn" ? "and asks for a session" : "and only with a session";
    return warn(`${mode}: an agent starts only with \`workerTrust\`, ${session}`, advice);
  } catch (error) {
    return fail(`an agent does not start: ${errorText(error)}`, advice);
  }
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
      checks.push(about("keys", "private key").failed(error, "create one with agentwire keygen"));
    }
  }
  const own: string[] = [];
  for (const text of trust) {
    const [sender, file] = senderAndPath(text);
    const { ok, fail } = about("keys", `key of ${sender ?? "every sender"}`);
    try {
      const pem = await readPublicKey(file);
      defaultCrypto().verifyingKey(pem);
      if (sender === mySender) own.push(pem);
      checks.push(ok(`${file}: P-256`));
    } catch (error) {
      checks.push(fail(`${file}: ${errorText(error)}`, "expected an SPKI public key in PEM, on P-256"));
    }
  }
  if (mine !== undefined && own.length > 0) checks.push(matching(mine, own, mySender));
  const agentKey = env.AGENT_PRIVATE_KEY;
  if (agentKey?.startsWith("/") && !agentKey.includes("\n")) {
    checks.push(await privateFile(agentKey, "AGENT_PRIVATE_KEY"));
  }
  return checks;
}

function matching(mine: string, own: readonly string[], sender = "every sender"): Check {
  const { ok, fail } = about("keys", "pair");
  const signs = (pem: string): string => pem.replace(/\s+/g, "");
  if (own.some((pem) => signs(pem) === signs(mine)))
    return ok(`the private key belongs to a public key of ${sender}`);
  const advice = "give the receivers its public key, or sign with the other key";
  return fail(`the private key belongs to none of the public keys of ${sender}`, advice);
}

async function privateFile(path: string, what: string): Promise<Check> {
  const { ok, warn, failed } = about("keys", what);
  try {
    const { mode } = await stat(path);
    if ((mode & 0o077) === 0) return ok(path);
    return warn(`${path} can be read by others (mode ${(mode & 0o777).toString(8)})`, `chmod 600 ${path}`);
  } catch (error) {
    return failed(error);
  }
}
