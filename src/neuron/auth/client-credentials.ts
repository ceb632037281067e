/** Tokens for an enrolled neuron: the client_credentials grant of RFC 6749, 4.4. */

import { Cut } from "../../core/cut.js";
import { reveal, Secret } from "../../core/secret.js";
import { TokenSource } from "../../http/index.js";
import type { AuthReason } from "../callback-auth.js";
import { defaultCredentialPath, readCredentialFile, type StoredCredential } from "./credential-file.js";
import { CredentialRevokedError, OAuthTokenError } from "./errors.js";
import { type OAuthOptions, requestToken, type TokenResponse } from "./oauth-http.js";

/** Adds the client's authentication to the form of a token request. */
export type ClientAuthenticator = (form: Readonly<Record<string, string>>) => Record<string, string>;

/** Authenticates the client with its secret in the body (RFC 6749, 2.3.1). */
export function clientSecretPost(clientId: string, clientSecret: string | Secret): ClientAuthenticator {
  const secret = new Secret(reveal(clientSecret));
  return (form) => ({ ...form, client_id: clientId, client_secret: secret.reveal() });
}

/** Options of {@link createClientCredentialsAuth}. */
export interface ClientCredentialsOptions extends Omit<OAuthOptions, "signal"> {
  /** How the client authenticates itself. Default: {@link clientSecretPost}. */
  readonly authenticator?: ((credential: StoredCredential) => ClientAuthenticator) | undefined;
}

/** A callback for `auth` of a neuron. `reason: "unauthorized"` drops the token that is kept, unless `token` is another. A token request ends when the `signal` of everybody who waits for it has fired. */
export type ClientCredentialsAuth = (why?: AuthReason) => Promise<string>;

/**
 * Makes an auth callback over a credential file. A token is kept until max(life - 60 s, life / 2); calls at
 * the same time share one request. When the server refuses the client, the file is read again: a rotated
 * credential is used at once, an unchanged or missing one gives a {@link CredentialRevokedError}, which ends a
 * neuron's reconnecting. Other refusals give an {@link OAuthTokenError}.
 *
 * `path`: default {@link defaultCredentialPath}.
 */
export function createClientCredentialsAuth(
  path: string = defaultCredentialPath(),
  options: ClientCredentialsOptions = {},
): ClientCredentialsAuth {
  let credential: StoredCredential | undefined;
  const source = new TokenSource({
    clock: options.clock,
    async issue({ signal }) {
      credential ??= await readCredentialFile(path, options);
      const mint = await mintWithReload(path, credential, { ...options, signal });
      credential = mint.credential;
      const { accessToken, expiresIn } = mint.response;
      return { token: accessToken, lifeMs: expiresIn * 1_000 };
    },
  });
  return async (why) => {
    const cut = new Cut([why?.signal]);
    if (why?.token !== undefined) source.refused(`Bearer ${why.token}`);
    else if (why?.reason === "unauthorized") source.clear();
    try {
      return (await source.authorization(cut)).slice("Bearer ".length);
    } finally {
      cut.done();
    }
  };
}

/** A token and the credential that brought it. */
export interface Mint {
  readonly credential: StoredCredential;
  readonly response: TokenResponse;
}

/** Asks for a token with `first`, what the file held; a refused client has one more try after a reload. */
export async function mintWithReload(
  path: string,
  first: StoredCredential | undefined,
  options: ClientCredentialsOptions & Pick<OAuthOptions, "signal">,
): Promise<Mint> {
  if (first === undefined)
    throw new CredentialRevokedError(`there is no credential file ${path}: run agentwire enroll first`);
  try {
    return await mint(first, options);
  } catch (error) {
    if (!isRefusedClient(error)) throw error;
    const fresh = await readCredentialFile(path, options);
    if (fresh === undefined || isSame(first, fresh)) throw revoked(first, error);
    try {
      return await mint(fresh, options);
    } catch (second) {
      throw isRefusedClient(second) ? revoked(fresh, second) : second;
    }
  }
}

async function mint(
  credential: StoredCredential,
  options: ClientCredentialsOptions & Pick<OAuthOptions, "signal">,
): Promise<Mint> {
  const { clientId, clientSecret, tokenEndpoint } = credential;
  const authenticate = options.authenticator?.(credential) ?? clientSecretPost(clientId, clientSecret);
  const form = authenticate({ grant_type: "client_credentials" });
  return { credential, response: await requestToken(tokenEndpoint, form, options) };
}

function isRefusedClient(error: unknown): boolean {
  return error instanceof OAuthTokenError && error.error === "invalid_client";
}

function isSame(a: StoredCredential, b: StoredCredential): boolean {
  return a.clientId === b.clientId && reveal(a.clientSecret) === reveal(b.clientSecret);
}

function revoked({ clientId }: StoredCredential, cause: unknown): CredentialRevokedError {
  const message = `the identity server refuses client ${clientId}, whose credential was revoked or rotated: enroll again`;
  return new CredentialRevokedError(message, { cause });
}
