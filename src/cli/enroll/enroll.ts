/** `agentwire enroll`: enrols this machine as a neuron. */
import { hostname } from "node:os";
import { AgentwireError, ConnectionError, errorText } from "../../core/errors.js";
import { type EnrollOptions, enroll } from "../../neuron/auth/index.js";

/** What the command line says. */
export interface EnrollArguments {
  readonly mokuUrl?: string | undefined;
  readonly name?: string | undefined;
  /** Comma separated. */
  readonly capabilities?: string | undefined;
  readonly credentialsFile?: string | undefined;
  readonly json?: boolean | undefined;
}

/** Where the command writes to, and what a test puts in place of the real thing. */
export interface EnrollIo extends Pick<EnrollOptions, "clock" | "fetch" | "signal"> {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
}

/** Runs the command. Returns 0 when the machine is enrolled, 1 when not, 2 without a URL, 3 without
 * a connection, 130 when interrupted. */
export async function runEnroll(args: EnrollArguments, io: EnrollIo): Promise<number> {
  const { mokuUrl, name = `neuron-${hostname()}`, capabilities = "", credentialsFile, json } = args;
  if (!mokuUrl) {
    io.err("agentwire enroll: --moku-url is required\n");
    return 2;
  }
  const capabilityTypes = capabilities
    .split(",")
    .map((type) => type.trim())
    .filter((type) => type !== "");
  // What a person must read stays visible when the output goes into a program.
  const tell = json ? io.err : io.out;
  const warn = (message: string): void => io.err(`${message}\n`);
  try {
    const { out: _out, err: _err, ...given } = io;
    const result = await enroll({
      ...given,
      mokuBaseUrl: mokuUrl,
      clientName: name,
      capabilityTypes,
      credentialPath: credentialsFile,
      logger: { debug() {}, info() {}, warn, error: warn },
      out: (line) => tell(`${line}\n`),
    });
    if (json) io.out(`${JSON.stringify(result, null, 2)}\n`);
    return 0;
  } catch (error) {
    if (io.signal?.aborted) {
      io.err("Enrollment interrupted.\n");
      return 130;
    }
    const code = error instanceof AgentwireError ? ` (${error.code})` : "";
    io.err(`Enrollment failed${code}: ${errorText(error)}\n`);
    return error instanceof ConnectionError ? 3 : 1;
  }
}
