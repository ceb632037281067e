/** The TLS settings that connections to NATS and to Redis have in common, from options and from the environment. */
import { type Env, optionOrEnv, readEnv } from "../core/env.js";
import { ValidationError } from "../core/errors.js";

type Text = "ca" | "caFile" | "cert" | "certFile" | "key" | "keyFile" | "serverName";

/** PEM texts, or files with them; which name to expect; whether any certificate will do. */
export type TlsSettings = { readonly [_ in Text]?: string | undefined } & {
  readonly insecure?: boolean | undefined;
};

/**
 * Completes settings from `<server>_TLS_CA`, `_CERT`, `_KEY`, `_SERVER_NAME` and `_INSECURE` (`1` or `true`). A text wins
 * over a file, an option over a variable.
 *
 * @throws ValidationError `INVALID_TLS` or `INVALID_REDIS_TLS` for a certificate without a key, or a key without one.
 */
export function tlsSettings(server: "NATS" | "REDIS", given: TlsSettings, env?: Env): TlsSettings {
  const tlsVariable = (name: string) => `${server}_TLS_${name}`;
  const file = (text: string | undefined, path: string | undefined, variable: string) =>
    text === undefined ? optionOrEnv(path, variable, env) : undefined;
  const settings = {
    ...given,
    caFile: file(given.ca, given.caFile, tlsVariable("CA")),
    certFile: file(given.cert, given.certFile, tlsVariable("CERT")),
    keyFile: file(given.key, given.keyFile, tlsVariable("KEY")),
    serverName: optionOrEnv(given.serverName, tlsVariable("SERVER_NAME"), env),
    insecure: given.insecure ?? /^(1|true)$/i.test(readEnv(tlsVariable("INSECURE"), env) ?? ""),
  };
  const { cert, certFile, key, keyFile } = settings;
  if (((cert ?? certFile) === undefined) === ((key ?? keyFile) === undefined)) return settings;
  throw new ValidationError(
    `a TLS certificate and its key must be given together, also as ${tlsVariable("CERT")} and ${tlsVariable("KEY")}`,
    { code: server === "NATS" ? "INVALID_TLS" : "INVALID_REDIS_TLS" },
  );
}
