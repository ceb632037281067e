/** Credentials for headless neurons: enrolment once, tokens from then on. Node only. */
export type {
  ClientAuthenticator,
  ClientCredentialsAuth,
  ClientCredentialsOptions,
} from "./client-credentials.js";
export { clientSecretPost, createClientCredentialsAuth } from "./client-credentials.js";
export type { StoredCredential } from "./credential-file.js";
export { defaultCredentialPath, readCredentialFile, writeCredentialFile } from "./credential-file.js";
export type { OAuthEndpoints } from "./discovery.js";
export { discoverEndpoints } from "./discovery.js";
export type { EnrollOptions, EnrollResult } from "./enroll.js";
export { enroll } from "./enroll.js";
export type { EnrollmentErrorCode } from "./errors.js";
export { CredentialRevokedError, EnrollmentError, OAuthTokenError } from "./errors.js";
export type { OAuthOptions, TokenResponse } from "./oauth-http.js";
