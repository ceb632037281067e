/** `agentwire enroll` on the command line. */
import type { Command } from "../command.js";
import { runEnroll } from "./enroll.js";

/** Options, help and run of `agentwire enroll`. */
export const enrollCommand: Command = {
  options: [
    { name: "moku-url", value: "URL", about: "the identity server" },
    { name: "name", value: "NAME", about: "what this neuron is called (default: neuron-<host>)" },
    { name: "capabilities", value: "a,b", about: "what it is going to serve" },
    { name: "credentials-file", value: "PATH", about: "where the credential is kept" },
  ],
  maxArguments: 0,
  stops: true,
  examples: [["enroll --moku-url https://moku.example --capabilities web/fetch", "shows a code and waits"]],
  run: (args, io) =>
    runEnroll(
      {
        mokuUrl: args.text("moku-url"),
        name: args.text("name"),
        capabilities: args.text("capabilities"),
        credentialsFile: args.text("credentials-file"),
        json: args.flag("json"),
      },
      { signal: io.signal, out: io.out, err: io.err },
    ),
};
