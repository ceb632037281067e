/** The credential file, which the vendor's SDKs read and write too. */
import { requireBuiltin } from "../../core/builtin.js";
import { errorText, ValidationError } from "../../core/errors.js";
import { randomHex } from "../../core/ids.js";
import { parseJson } from "../../core/json.js";
import { type Logger, warnOnce } from "../../core/logger.js";
import { reveal, Secret } from "../../core/secret.js";

/** The credential of an enrolled neuron. */
export interface StoredCredential {
  readonly clientId: string;
  /** Printing it shows `[secret]`; `reveal()` gives it. A plain string may be given. */
  readonly clientSecret: string | Secret;
  /** Where tokens come from. */
  readonly tokenEndpoint: string;
  /** The identity server, without a slash at the end. */
  readonly mokuBaseUrl: string;
}

// Resolved when they are needed: an import would keep neurons from being bundled for a browser.
const fs = () => requireBuiltin<typeof import("node:fs/promises")>("node:fs/promises", "a credential file");
const nodePath = () => requireBuiltin<typeof import("node:path")>("node:path", "a credential file");

const MEMBERS = {
  clientId: "client_id",
  clientSecret: "client_secret",
  tokenEndpoint: "token_endpoint",
  mokuBaseUrl: "moku_base_url",
} as const satisfies Record<keyof StoredCredential, string>;

/** `~/.holokai/neuron-credentials.json`. */
export function defaultCredentialPath(): string {
  const { homedir } = requireBuiltin<typeof import("node:os")>("node:os", "a credential file");
  return nodePath().join(homedir(), ".holokai", "neuron-credentials.json");
}

/**
 * Reads a credential file; undefined when there is none. Rejects with a `ValidationError` (code
 * `MALFORMED_CREDENTIAL_FILE`) for one that is not what it should be: it is never taken for missing. Warns `logger`
 * (default: the console) about a file that other users can read or write.
 */
export async function readCredentialFile(
  path: string,
  { logger }: { readonly logger?: Logger | false | undefined } = {},
): Promise<StoredCredential | undefined> {
  const malformed = (why: string, cause?: unknown): ValidationError =>
    new ValidationError(`the credential file ${path} ${why}`, { code: "MALFORMED_CREDENTIAL_FILE", cause });
  let text: string;
  try {
    text = await fs().readFile(path, "utf8");
    const { mode } = await fs().stat(path);
    if ((mode & 0o077) !== 0 && process.platform !== "win32")
      warnOnce(
        logger,
        `mode ${path}`,
        `other users can read or write the credential file: chmod 600 ${path}`,
      );
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw malformed(`cannot be read: ${errorText(error)}`, error);
  }
  let data: unknown;
  try {
    data = parseJson(text, { what: "the credential file", maxBytes: 65_536 });
  } catch (error) {
    throw malformed("is not JSON", error);
  }
  const textOf = (member: string): string => {
    const value = (data as Readonly<Record<string, unknown>> | null)?.[member];
    if (typeof value !== "string" || value === "") throw malformed(`has no ${member}`);
    return value;
  };
  const tokenEndpoint = textOf(MEMBERS.tokenEndpoint);
  if (!URL.canParse(tokenEndpoint)) throw malformed(`has a ${MEMBERS.tokenEndpoint} that is not a URL`);
  return {
    clientId: textOf(MEMBERS.clientId),
    clientSecret: new Secret(textOf(MEMBERS.clientSecret)),
    tokenEndpoint,
    mokuBaseUrl: textOf(MEMBERS.mokuBaseUrl),
  };
}

/**
 * Writes a credential file: mode 0600, in a folder that is made with mode 0700. An older file is replaced in
 * one step, so that a reader finds either of them whole.
 */
export async function writeCredentialFile(path: string, credential: StoredCredential): Promise<void> {
  const { chmod, mkdir, rename, rm, writeFile } = fs();
  const folder = nodePath().dirname(path);
  const made = await mkdir(folder, { recursive: true, mode: 0o700 });
  // The mask of the process may have taken rights away.
  if (made !== undefined) await chmod(folder, 0o700);
  const data = Object.fromEntries(
    Object.entries(MEMBERS).map(([name, member]) => [
      member,
      reveal<string>(credential[name as keyof StoredCredential]),
    ]),
  );
  const draft = `${path}.${randomHex(6)}.tmp`;
  try {
    await writeFile(draft, `${JSON.stringify(data, null, 2)}\n`, { mode: 0o600, flag: "wx" });
    await chmod(draft, 0o600);
    await rename(draft, path);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
}
