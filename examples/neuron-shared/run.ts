/** Runs the neuron of an example with the vendors' variables, until SIGTERM or SIGINT. */
import { existsSync, readFileSync } from "node:fs";
import { type AuthCallback, Neuron } from "agentwire/neuron";
import { createClientCredentialsAuth, defaultCredentialPath } from "agentwire/neuron/auth";

type Env = Readonly<Record<string, string | undefined>>;

function required(env: Env, name: string): string {
  const value = env[name];
  if (!value) throw new Error(`${name} is not set`);
  return value;
}

/** The credential file first, then BIGBRAIN_TOKEN, then BIGBRAIN_TOKEN_FILE, which is read at every call. */
export function authFrom(env: Env): AuthCallback {
  const { BIGBRAIN_CREDENTIAL_FILE: named, BIGBRAIN_TOKEN: token, BIGBRAIN_TOKEN_FILE: tokenFile } = env;
  if (named && !existsSync(named)) throw new Error(`BIGBRAIN_CREDENTIAL_FILE: there is no ${named}`);
  const file = named || defaultCredentialPath();
  if (existsSync(file)) {
    if (token || tokenFile) console.warn(`${file} is used; the token is not`);
    return createClientCredentialsAuth(file);
  }
  if (token) return () => token;
  if (tokenFile) return () => readFileSync(tokenFile, "utf8").trim();
  throw new Error("enroll first, or set BIGBRAIN_TOKEN or BIGBRAIN_TOKEN_FILE");
}

/** A neuron for BIGBRAIN_GATEWAY_URL and BIGBRAIN_NEURON_ID. */
export function neuronFrom(env: Env): Neuron {
  const gatewayUrl = required(env, "BIGBRAIN_GATEWAY_URL");
  const neuronId = required(env, "BIGBRAIN_NEURON_ID");
  return new Neuron({ gatewayUrl, neuronId, auth: authFrom(env) });
}

/** Tells on the console what happens to its connection. */
export function report(neuron: Neuron): Neuron {
  neuron.on("connection:registered", ({ capabilities }) => console.log(`registered, ${capabilities} taken`));
  neuron.on("connection:reconnecting", ({ delayMs, reason }) =>
    console.log(`again in ${delayMs} ms: ${reason}`),
  );
  neuron.on("error", (error) => console.error(error.message));
  return neuron;
}

/** Ends the process cleanly on SIGTERM and SIGINT. */
export function onSignal(stop: () => Promise<unknown>): void {
  const end = () => void stop().then(() => process.exit(0));
  process.once("SIGTERM", end);
  process.once("SIGINT", end);
}

/** Starts a neuron, and stops it cleanly on a signal. */
export async function run(serve: (neuron: Neuron) => void): Promise<void> {
  const neuron = report(neuronFrom(process.env));
  serve(neuron);
  onSignal(() => neuron.stop({ drain: true, timeoutMs: 30_000 }));
  await neuron.start();
}
