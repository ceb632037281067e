/** All commands. Each one is loaded when it is called, so that no command pays for the imports of another. */
import type { CliCommand } from "./command.js";

/** An entry in the list of commands. */
export interface CommandEntry {
  readonly name: string;
  /** One line. */
  readonly summary: string;
  readonly load: () => Promise<CliCommand>;
}

/** In the order of the help. */
export const COMMANDS: readonly CommandEntry[] = [
  {
    name: "demo",
    summary: "run one agent on all four protocols and check every message; needs no server",
    load: async () => (await import("./demo/command.js")).demoCommand,
  },
  {
    name: "dev",
    summary: "start a local server for each protocol and print the variables that connect programs to them",
    load: async () => (await import("./dev/command.js")).devCommand,
  },
  {
    name: "gen",
    summary: "generate clients and types from OpenAPI documents and proto files",
    load: async () => (await import("./generate/gen.js")).genCommand,
  },
  {
    name: "check",
    summary: "check specs: lint, breaking changes against a baseline, recorded traffic",
    load: async () => (await import("./generate/check.js")).checkCommand,
  },
  {
    name: "decode",
    summary: "show the content of a CAP packet or neuron frame, with its canonical bytes and digest",
    load: async () => (await import("./packet/decode.js")).decodeCommand,
  },
  {
    name: "verify",
    summary: "verify the signature of a CAP packet and explain why it fails",
    load: async () => (await import("./packet/verify.js")).verifyCommand,
  },
  {
    name: "sign",
    summary: "sign a CAP packet",
    load: async () => (await import("./packet/sign.js")).signCommand,
  },
  {
    name: "keygen",
    summary: "generate a P-256 key pair: NAME.key.pem and NAME.pub.pem",
    load: async () => (await import("./packet/keygen.js")).keygenCommand,
  },
  {
    name: "submit",
    summary: "submit a CAP job over NATS, wait for it to end and print its result",
    load: async () => (await import("./bus/submit.js")).submitCommand,
  },
  {
    name: "tap",
    summary: "show the packets on the bus, decoded and verified, live or from a capture",
    load: async () => (await import("./bus/tap.js")).tapCommand,
  },
  {
    name: "inspect",
    summary: "show the packets on a bus, or a capture, in a browser; only reads",
    load: async () => (await import("./inspect/command.js")).inspectCommand,
  },
  {
    name: "doctor",
    summary: "check servers, permissions, clocks, keys and environment, and say what to fix",
    load: async () => (await import("./doctor/command.js")).doctorCommand,
  },
  {
    name: "enroll",
    summary: "enroll this machine as a neuron: an administrator approves it in a browser",
    load: async () => (await import("./enroll/command.js")).enrollCommand,
  },
  {
    name: "completion",
    summary: "print a completion script for bash, zsh or fish",
    load: async () => (await import("./completion.js")).completionCommand,
  },
];
