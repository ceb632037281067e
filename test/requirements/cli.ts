import type { Requirements } from "./types.ts";

const GUIDE = "docs/cli.md";
const INSPECTOR = "docs/inspector.md";

/** What the `agentwire` command promises. */
export const cli = {
  "cli.help": {
    statement: "Every command has a --help with its options, examples that run, and one table of exit codes.",
    source: GUIDE,
  },
  "cli.usage": {
    statement: "A wrong command line ends with exit code 2, names what is wrong and suggests what was meant.",
    source: GUIDE,
  },
  "cli.input": {
    statement: "Packets are read from a file, the standard input, base64 or hex, told apart by themselves.",
    source: GUIDE,
  },
  "cli.plain": {
    statement: "Colours are used in a terminal only, and not with NO_COLOR or TERM=dumb.",
    source: GUIDE,
  },
  "cli.decode.packet": {
    statement:
      "decode shows the fields of a packet, its canonical bytes with their digest, in both map orders where they differ, and its unknown fields.",
    source: GUIDE,
  },
  "cli.decode.frame": {
    statement:
      "decode shows neuron frames from JSON and from captured event streams, and what is wrong with them.",
    source: GUIDE,
  },
  "cli.secrets": {
    statement:
      "Tokens, keys and passwords are masked in everything the commands print, unless --show-secrets is given.",
    source: GUIDE,
  },
  "cli.verify.verdict": {
    statement:
      "verify accepts and refuses what the official SDK accepts and refuses, with exit code 0 and 1.",
    source: GUIDE,
  },
  "cli.verify.reason": {
    statement: "verify says why a packet does not verify.",
    source: GUIDE,
  },
  "cli.sign": {
    statement: "sign makes the same canonical bytes as the official SDK, and what it signs verifies.",
    source: GUIDE,
  },
  "cli.keygen": {
    statement: "keygen writes a P-256 pair readable by its owner only, and never overwrites a file.",
    source: GUIDE,
  },
  "cli.dev.env": {
    statement:
      "dev starts every counterpart on loopback and prints the variables that lead to them, as lines, as JSON and into a file.",
    source: GUIDE,
  },
  "cli.dev.partial": {
    statement: "Without a NATS server dev says so and runs the other counterparts.",
    source: GUIDE,
  },
  "cli.dev.stop": {
    statement:
      "dev ends everything it started at SIGINT and SIGTERM, with exit code 0, and leaves no file behind; its servers end with it also when it is killed.",
    source: GUIDE,
  },
  "cli.dev.functions": {
    statement: "dev takes tools and validators from modules; a tool it was not given gives back its inputs.",
    source: "agentwire",
  },
  "cli.dev.trust": {
    statement:
      "`agentwire dev --trust WORKER` issues worker trust sessions to the workers it names, with the faults it is told.",
    source: "CAP 2.17.0, worker trust",
  },
  "cli.dev.health": {
    statement: "The health page tells of every part, shows no secret, and answers this machine only.",
    source: GUIDE,
  },
  "cli.dev.python": {
    statement:
      "The official Python SDKs of CAP and of the neuron protocol work by the variables of dev alone.",
    source: GUIDE,
  },
  "cli.submit": {
    statement:
      "submit keeps the input, submits, waits, prints the output and ends with 0 for a job that SUCCEEDED, 1 for any other end and 3 without a connection.",
    source: GUIDE,
  },
  "cli.tap": {
    statement:
      "tap shows every message once, in order, decoded and verified, and only those that its filters let through.",
    source: GUIDE,
  },
  "cli.tap.capture": {
    statement:
      "What tap --json --raw wrote can be read again with --from, and decoded and verified line by line.",
    source: GUIDE,
  },
  "cli.inspector.timeline": {
    statement: "The page shows every record as it comes; a response fills in the row of its request.",
    source: INSPECTOR,
  },
  "cli.inspector.filter": {
    statement:
      "The filter compares members, excludes and searches; the page pauses, and counts what it drops.",
    source: INSPECTOR,
  },
  "cli.inspector.detail": {
    statement: "A record shows body, headers, bytes, signature, policy and trace, without its secrets.",
    source: INSPECTOR,
  },
  "cli.inspector.traces": {
    statement: "A trace joins records of all protocols; what has no answer yet is an open bar.",
    source: INSPECTOR,
  },
  "cli.inspector.act": {
    statement: "The page approves and denies, submits, cancels and resends; inspect has no such routes.",
    source: INSPECTOR,
  },
  "cli.inspector.capture": {
    statement: "A capture is one NDJSON format for page, dev, tap and inspect; what is saved opens again.",
    source: INSPECTOR,
  },
  "cli.inspector.safe": {
    statement: "Nothing that peers send runs in the page, and the page asks only its own server.",
    source: INSPECTOR,
  },
  "cli.inspector.guard": {
    statement: "A foreign Host, a foreign Origin and a missing token are refused.",
    source: INSPECTOR,
  },
  "cli.inspector.token": {
    statement: "The page requires the token of its address, and removes it from there.",
    source: INSPECTOR,
  },
  "cli.inspector.fast": {
    statement: "With 10,000 events only the visible rows are elements; dropped rows are counted.",
    source: INSPECTOR,
  },
  "cli.inspector.accessible": {
    statement: "axe has no serious finding in any view, light or dark.",
    source: INSPECTOR,
  },
  "cli.inspector.bounded": {
    statement: "The server keeps a bounded number of bytes and reports what is gone as a gap.",
    source: INSPECTOR,
  },
  "cli.doctor": {
    statement:
      "doctor finds servers that are away, clocks that differ, subjects that are not allowed, keys that do not match and variables that make no sense, and says what to do.",
    source: GUIDE,
  },
  "cli.doctor.harmless": {
    statement:
      "doctor registers nothing, takes no job from a worker and publishes on no subject of CAP unless --publish is given.",
    source: GUIDE,
  },
} satisfies Requirements;
