/** Where a neuron connects to, and as whom, where its options leave that to the environment. */
import { builtinModule, requireBuiltin } from "../core/builtin.js";
import { optionOrEnv, readEnv } from "../core/env.js";
import { ValidationError } from "../core/errors.js";
import type { Logger } from "../core/logger.js";
import type { AuthCallback } from "./callback-auth.js";
import type { HttpTransportOptions } from "./http-transport.js";
import type { NeuronOptions } from "./neuron-options.js";

/** @throws ValidationError without a gateway URL, or without a credential where there are no files */
export function connectionOf(
  options: NeuronOptions & { readonly transport?: undefined },
  neuronId: string,
  logger: Logger,
): HttpTransportOptions {
  const gatewayUrl = optionOrEnv(options.gatewayUrl, "BIGBRAIN_GATEWAY_URL");
  if (gatewayUrl === undefined)
    throw new ValidationError("gatewayUrl is required: pass gatewayUrl, or set BIGBRAIN_GATEWAY_URL");
  return { ...options, neuronId, gatewayUrl, auth: options.auth ?? authFromEnv(options, logger) };
}

function authFromEnv(
  options: Pick<HttpTransportOptions, "fetch" | "tls" | "clock">,
  logger: Logger,
): AuthCallback {
  const file = readEnv("BIGBRAIN_CREDENTIAL_FILE");
  const token = readEnv("BIGBRAIN_TOKEN");
  const tokenFile = readEnv("BIGBRAIN_TOKEN_FILE");
  if (file === undefined) {
    if (token !== undefined) return () => token;
    if (tokenFile !== undefined) return () => readToken(tokenFile);
    if (builtinModule("node:fs") === undefined) throw new ValidationError("auth is required");
  } else if (token !== undefined || tokenFile !== undefined) {
    logger.warn(
      "BIGBRAIN_CREDENTIAL_FILE is used, and not the token of BIGBRAIN_TOKEN or BIGBRAIN_TOKEN_FILE",
    );
  }
  const { fetch, tls, clock } = options;
  // Loaded with the first request: most neurons bring their own callback.
  const loading = (): Promise<AuthCallback> =>
    import("./auth/client-credentials.js").then(({ createClientCredentialsAuth }) =>
      createClientCredentialsAuth(file, { fetch, tls, clock, logger }),
    );
  let auth: Promise<AuthCallback> | undefined;
  return async (why) => {
    auth ??= loading();
    return (await auth)(why);
  };
}

/** Read for every request, so that a rotated token is used at once. */
async function readToken(path: string): Promise<string> {
  const { readFile } = requireBuiltin<typeof import("node:fs/promises")>("node:fs/promises", "a token file");
  return (await readFile(path, "utf8")).trim();
}
