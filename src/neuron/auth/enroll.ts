/** Enrolment of a machine by the device flow (RFC 8628): an administrator approves it in a browser. */
import { hostname as hostName } from "node:os";
import { sleep, systemClock } from "../../core/clock.js";
import { AgentwireError, errorText, ValidationError } from "../../core/errors.js";
import { safeLogger } from "../../core/logger.js";
import { mintWithReload } from "./client-credentials.js";
import { defaultCredentialPath, readCredentialFile, writeCredentialFile } from "./credential-file.js";
import { discoverEndpoints, withoutSlash } from "./discovery.js";
import { CredentialRevokedError, EnrollmentError, OAuthTokenError } from "./errors.js";
import {
  exchange,
  isPassing,
  type OAuthOptions,
  requestToken,
  secondsOf,
  type TokenResponse,
} from "./oauth-http.js";

/** Options of {@link enroll}. */
export interface EnrollOptions extends OAuthOptions {
  /** The identity server. */
  readonly mokuBaseUrl: string;
  /** What the administrator sees. */
  readonly clientName: string;
  /** Default: this machine's. */
  readonly hostname?: string | undefined;
  /** Capabilities that this neuron is going to serve, shown to the administrator. */
  readonly capabilityTypes?: readonly string[] | undefined;
  /** Default: {@link defaultCredentialPath}. */
  readonly credentialPath?: string | undefined;
  /** Receives each line of output for the user. Default: standard output. */
  readonly out?: ((line: string) => void) | undefined;
}

/** The result of an enrollment. */
export interface EnrollResult {
  /** `already-enrolled`: the file was there, and its credential is good. */
  readonly status: "enrolled" | "already-enrolled";
  readonly clientId: string;
  readonly credentialPath: string;
  /** A first token. Not enumerable, so that printing the result does not print it. */
  readonly accessToken: string;
  /** Its life in seconds. */
  readonly expiresIn: number;
}

interface DeviceAnswer {
  readonly deviceCode: string;
  readonly userCode: string;
  readonly verificationUri: string;
  readonly expiresInMs: number;
  readonly intervalMs: number;
}

const deviceGrant = "urn:ietf:params:oauth:grant-type:device_code";

/**
 * Enrolls this machine, unless its credential file is valid already, and writes the file. A revoked credential
 * is replaced. Rejects with an {@link EnrollmentError}, an {@link OAuthTokenError}, a `ValidationError` for a
 * malformed file, or an `AbortError`.
 */
export async function enroll(options: EnrollOptions): Promise<EnrollResult> {
  const { credentialPath = defaultCredentialPath(), clientName, capabilityTypes } = options;
  const out = (line: string): void => {
    try {
      if (options.out === undefined) process.stdout.write(`${line}\n`);
      else options.out(line);
    } catch (cause) {
      throw new AgentwireError(`out failed: ${errorText(cause)}`, { cause });
    }
  };
  if (!URL.canParse(options.mokuBaseUrl))
    throw new ValidationError("mokuBaseUrl must be a URL such as https://moku.example");
  const known = await readCredentialFile(credentialPath, options);
  if (known !== undefined) {
    try {
      const { credential, response } = await mintWithReload(credentialPath, known, options);
      out(`This machine is enrolled already, as client ${credential.clientId}.`);
      return result("already-enrolled", credential.clientId, credentialPath, response);
    } catch (error) {
      if (!(error instanceof CredentialRevokedError)) throw error;
      out("The credential on this machine was revoked; enrolling again.");
    }
  }
  const mokuBaseUrl = withoutSlash(options.mokuBaseUrl);
  const endpoints = await discoverEndpoints(mokuBaseUrl, options);
  const device = await requestDevice(
    endpoints.deviceAuthorizationEndpoint,
    {
      client_name: clientName,
      hostname: options.hostname ?? hostName(),
      ...(capabilityTypes?.length ? { capability_types: capabilityTypes.join(",") } : {}),
    },
    options,
  );
  out("An administrator of your organisation approves this neuron at");
  out(`  ${device.verificationUri}`);
  out(`with the code ${device.userCode}`);
  out(`Waiting; the code expires in ${Math.ceil(device.expiresInMs / 60_000)} min.`);
  const response = await poll(endpoints.tokenEndpoint, device, options);
  const { client_id: clientId, client_secret: clientSecret } = response.raw;
  if (typeof clientId !== "string" || typeof clientSecret !== "string") {
    throw new EnrollmentError(
      "the server approved the enrollment but did not send client_id and client_secret",
      {
        code: "INVALID_RESPONSE",
      },
    );
  }
  const { tokenEndpoint } = endpoints;
  await writeCredentialFile(credentialPath, { clientId, clientSecret, tokenEndpoint, mokuBaseUrl });
  out(`Enrolled as client ${clientId}; the credential is in ${credentialPath}.`);
  return result("enrolled", clientId, credentialPath, response);
}

async function requestDevice(
  endpoint: string,
  form: Readonly<Record<string, string>>,
  options: EnrollOptions,
): Promise<DeviceAnswer> {
  const json = (await exchange(endpoint, form, options).catch(deviceRefused)) ?? {};
  const { device_code, user_code, verification_uri, verification_uri_complete } = json;
  const expiresIn = secondsOf(json.expires_in);
  const fits =
    typeof device_code === "string" &&
    typeof user_code === "string" &&
    typeof verification_uri === "string" &&
    expiresIn !== undefined;
  if (!fits) {
    throw new EnrollmentError("the response to the device request lacks required members", {
      code: "INVALID_RESPONSE",
    });
  }
  return {
    deviceCode: device_code,
    userCode: user_code,
    verificationUri:
      typeof verification_uri_complete === "string" ? verification_uri_complete : verification_uri,
    expiresInMs: expiresIn * 1_000,
    intervalMs: (secondsOf(json.interval) ?? 5) * 1_000,
  };
}

function deviceRefused(error: unknown): never {
  if (!(error instanceof OAuthTokenError)) throw error;
  const { error: named, status } = error;
  const message = `the device request was answered ${status} (${named})`;
  throw new EnrollmentError(message, { code: "DEVICE_REQUEST_FAILED", status, cause: error });
}

/** Asks until the administrator has decided. */
async function poll(endpoint: string, device: DeviceAnswer, options: EnrollOptions): Promise<TokenResponse> {
  const { clock = systemClock, signal } = options;
  const logger = safeLogger(options.logger);
  const endsAt = clock.monotonic() + device.expiresInMs;
  let { intervalMs } = device;
  while (clock.monotonic() + intervalMs <= endsAt) {
    await sleep(intervalMs, { clock, signal });
    try {
      return await requestToken(
        endpoint,
        { grant_type: deviceGrant, device_code: device.deviceCode },
        options,
      );
    } catch (error) {
      const answer = error instanceof OAuthTokenError ? error.error : undefined;
      if (answer === "slow_down") intervalMs += 5_000;
      else if (answer === "expired_token") break;
      else if (answer === "access_denied") {
        throw new EnrollmentError("an administrator denied the enrollment", {
          code: "ACCESS_DENIED",
          cause: error,
        });
      } else if (answer === "invalid_response") {
        throw new EnrollmentError("the server approved the enrollment but did not send a token", {
          code: "INVALID_RESPONSE",
          cause: error,
        });
      } else if (answer !== "authorization_pending") {
        if (signal?.aborted || !isPassing(error)) throw error;
        logger.warn("could not ask whether the enrollment was approved; retrying", { error });
      }
    }
  }
  throw new EnrollmentError("the code expired before an administrator approved it; enroll again", {
    code: "EXPIRED_TOKEN",
  });
}

function result(
  status: EnrollResult["status"],
  clientId: string,
  credentialPath: string,
  { accessToken, expiresIn }: TokenResponse,
): EnrollResult {
  const shown = { status, clientId, credentialPath, expiresIn };
  return Object.defineProperty(shown, "accessToken", { value: accessToken }) as EnrollResult;
}
