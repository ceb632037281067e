/** TLS to Redis, as the official SDKs take it from the environment. */
import { readFile } from "node:fs/promises";
import type { Env } from "../../core/env.js";
import { readEnv } from "../../core/env.js";
import { errorText, ValidationError } from "../../core/errors.js";

/** What goes into a client's `tls` (ioredis) or `socket` (node-redis) option. */
export interface RedisTls {
  readonly minVersion: "TLSv1.2";
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly servername?: string;
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
  const certFile = readEnv("REDIS_TLS_CERT", env);
  const keyFile = readEnv("REDIS_TLS_KEY", env);
  if ((certFile === undefined) !== (keyFile === undefined)) {
    throw new ValidationError("REDIS_TLS_CERT and REDIS_TLS_KEY must be set together", {
      code: "INVALID_REDIS_TLS",
    });
  }
  const ca = await pem("REDIS_TLS_CA", readEnv("REDIS_TLS_CA", env) ?? readEnv("SSL_CERT_FILE", env));
  const cert = await pem("REDIS_TLS_CERT", certFile);
  const key = await pem("REDIS_TLS_KEY", keyFile);
  const servername = readEnv("REDIS_TLS_SERVER_NAME", env);
  const insecure = /^(1|true)$/i.test(readEnv("REDIS_TLS_INSECURE", env) ?? "");
  return {
    minVersion: "TLSv1.2",
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(servername === undefined ? {} : { servername }),
    rejectUnauthorized: !insecure,
  };
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
