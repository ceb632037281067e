/** All commands. Each is loaded when it is asked for, so that none pays for what the others need. */
import type { CommandEntry } from "./command.js";

/** In the order of the help. */
export const COMMANDS: readonly CommandEntry[] = [
  {
    name: "demo",
    usage: "[--file PATH] [--nats URL]",
    summary: "one agent on all four wires: what goes over each is shown and checked; no server is needed",
    load: async () => (await import("./demo/command.js")).demoCommand,
  },
  {
    name: "gen",
    usage: "[NAME... | DOCUMENT] [--check]",
    summary: "generate clients and types from OpenAPI documents and protos, as agentwire.config.ts says",
    load: async () => (await import("./generate/gen.js")).genCommand,
  },
  {
    name: "check",
    usage: "[NAME...] [--update-baseline]",
    summary: "check specs: lint, breaking changes against a baseline, recorded traffic",
    load: async () => (await import("./generate/check.js")).checkCommand,
  },
  {
    name: "dev",
    usage: "[--nats URL] [--redis URL] [--write-env FILE]",
    summary:
      "run the counterparts of all four wires on this machine, and print the variables that lead to them",
    load: async () => (await import("./dev/command.js")).devCommand,
  },
  {
    name: "decode",
    usage: "[FILE | - | TEXT]",
    summary: "show what is in a captured CAP packet or neuron frame, with its canonical bytes and digest",
    load: async () => (await import("./packet/decode.js")).decodeCommand,
  },
  {
    name: "verify",
    usage: "[FILE | - | TEXT] --key SENDER=PEM",
    summary: "verify the signature of a CAP packet, and say why it fails",
    load: async () => (await import("./packet/verify.js")).verifyCommand,
  },
  {
    name: "sign",
    usage: "[FILE | - | TEXT] --key PEM",
    summary: "sign a CAP packet that is given as ProtoJSON or as bytes",
    load: async () => (await import("./packet/sign.js")).signCommand,
  },
  {
    name: "keygen",
    usage: "NAME",
    summary: "make a P-256 key pair: NAME.key.pem and NAME.pub.pem",
    load: async () => (await import("./packet/keygen.js")).keygenCommand,
  },
  {
    name: "submit",
    usage: "TOPIC [--input JSON] [--no-wait]",
    summary: "submit a CAP job over NATS, wait for its end and print its result",
    load: async () => (await import("./bus/submit.js")).submitCommand,
  },
  {
    name: "tap",
    usage: "[SUBJECT...] [--from FILE]",
    summary: "show what goes over the bus, decoded and verified; live or from a capture",
    load: async () => (await import("./bus/tap.js")).tapCommand,
  },
  {
    name: "doctor",
    usage: "[--role worker] [--publish]",
    summary: "check servers, permissions, clocks, keys and environment, and say what to do",
    load: async () => (await import("./doctor/command.js")).doctorCommand,
  },
  {
    name: "enroll",
    usage: "--moku-url URL [--name NAME]",
    summary: "enroll this machine as a neuron: an administrator approves it in a browser",
    load: async () => (await import("./enroll/command.js")).enrollCommand,
  },
];
