/** Credentials for headless neurons: enroll once, then request tokens. Node only. */
export type { ClientCredentialsOptions } from "./client-credentials.js";
export { clientSecretPost, createClientCredentialsAuth } from "./client-credentials.js";
export { defaultCredentialPath, readCredentialFile, writeCredentialFile } from "./credential-file.js";
export { discoverEndpoints } from "./discovery.js";
export type { EnrollOptions, EnrollResult } from "./enroll.js";
export { enroll } from "./enroll.js";
export { CredentialRevokedError, EnrollmentError, OAuthTokenError } from "./errors.js";
