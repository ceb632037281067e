/** TLS to Redis, as the official SDKs take it from the environment. */
import { readFile } from "node:fs/promises";
import type { Env } from "../../core/env.js";
import { readEnv } from "../../core/env.js";
import { errorText, ValidationError } from "../../core/errors.js";
import { tlsSettings } from "../tls.js";

/** What goes into a client's `tls` (ioredis) or `socket` (node-redis) option. */
export interface RedisTls {
  readonly minVersion: "TLSv1.2";
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  readonly servername?: string | undefined;
  /** False only with `REDIS_TLS_INSECURE`: the server's certificate is then not looked at. */
  readonly rejectUnauthorized: boolean;
}

/**
 * Reads `REDIS_TLS_CA` (else `SSL_CERT_FILE`), `REDIS_TLS_CERT` with `REDIS_TLS_KEY`, `REDIS_TLS_SERVER_NAME` and
 * `REDIS_TLS_INSECURE` (`1` or `true`). The files are PEM. TLS is never older than 1.2.
 *
 * @throws ValidationError `INVALID_REDIS_TLS` for a certificate without its key, or a file that cannot be read.
 */
export async function redisTlsFromEnv(env?: Env): Promise<RedisTls> {
  const { caFile, certFile, keyFile, serverName: servername, insecure } = tlsSettings("REDIS", {}, env);
  const ca = await pem("REDIS_TLS_CA", caFile ?? readEnv("SSL_CERT_FILE", env));
  const cert = await pem("REDIS_TLS_CERT", certFile);
  const key = await pem("REDIS_TLS_KEY", keyFile);
  return { minVersion: "TLSv1.2", ca, cert, key, servername, rejectUnauthorized: !insecure };
}

async function pem(variable: string, file: string | undefined): Promise<string | undefined> {
  if (file === undefined) return undefined;
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    throw new ValidationError(`${variable} cannot be read: ${errorText(error)}`, {
      code: "INVALID_REDIS_TLS",
    });
  }
}
