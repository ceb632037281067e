/** `agentwire enroll`: enrolls this machine as a neuron. */
import { hostname } from "node:os";
import { enroll } from "../../neuron/auth/index.js";
import { type CliCommand, httpUrl, type JsonOption } from "../command.js";

interface EnrollOptions extends JsonOption {
  readonly mokuUrl: string;
  readonly name: string;
  readonly capabilities: readonly string[];
  readonly credentialsFile?: string;
}

/** `agentwire enroll`. */
export const enrollCommand: CliCommand = {
  configure: (command) =>
    command
      .requiredOption("--moku-url <url>", "the identity server", httpUrl)
      .option("--name <name>", "name of this neuron", `neuron-${hostname()}`)
      .option("--capabilities <a,b>", "capabilities it is going to serve", list, [])
      .option("--credentials-file <path>", "where the credential is stored"),
  stops: true,
  examples: [["enroll --moku-url https://moku.example --capabilities web/fetch", "shows a code and waits"]],
  async run({ mokuUrl, name, capabilities, credentialsFile, json }: EnrollOptions, io) {
    const warn = (message: string): void => io.err(`${message}\n`);
    const result = await enroll({
      signal: io.signal,
      mokuBaseUrl: mokuUrl,
      clientName: name,
      capabilityTypes: capabilities,
      credentialPath: credentialsFile,
      logger: { debug() {}, info() {}, warn, error: warn },
      // The code for the administrator stays visible when a program reads stdout.
      out: (line) => (json ? io.err : io.out)(`${line}\n`),
    });
    return { result };
  },
};

function list(text: string): readonly string[] {
  return text
    .split(",")
    .map((item) => item.trim())
    .filter((item) => item !== "");
}
