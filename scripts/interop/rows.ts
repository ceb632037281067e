import type { PeerName } from "./peers.ts";

/** Who starts what is tried: agentwire, the peer, or each in turn. */
export type Direction = "agentwire → peer" | "peer → agentwire" | "both ways";

/** What the tests of one row show. */
export interface Row {
  readonly file: string;
  readonly peers: readonly PeerName[];
  readonly operation: string;
  readonly direction: Direction;
  /** Tests whose group or title has this text. Without it: all tests of the file that no earlier row has. */
  readonly tests?: string;
}

/** Ordered as the table is. */
export const ROWS: readonly Row[] = [
  ...row(
    "test/peers/cap-packets.test.ts",
    ["cap"],
    [
      [
        "both ways",
        "Signed packets: 10,000 made here are verified there, signed there and verified here",
        "random packets",
      ],
      [
        "both ways",
        "Mutated packets: 10,000 are judged alike; none is accepted that says something else",
        "mutated packets",
      ],
    ],
  ),
  ...row(
    "test/peers/cap-nats.test.ts",
    ["cap", "nats", "natsClients"],
    [
      [
        "peer → agentwire",
        "Its `submit_job` to our scheduler and worker, results to its listener, signed and unsigned",
        "its submit_job",
      ],
      [
        "agentwire → peer",
        "Our `submitAndWait` through our scheduler to its `run_worker`, signed and unsigned",
        "our submitAndWait",
      ],
      ["both ways", "A client with other keys gets no answer", "other keys"],
    ],
  ),
  ...row(
    "test/peers/cap-agent.test.ts",
    ["cap", "nats", "redis"],
    [
      ["both ways", "19 job inputs: its `Agent` and ours answer alike", "case by case"],
      [
        "peer → agentwire",
        "Jobs of its client through a scheduler to our agent, signed and unsigned",
        "official client's jobs",
      ],
      [
        "agentwire → peer",
        "`LocalScheduler` drives its `Agent` by its direct subject, signed and unsigned",
        "drives the official agent",
      ],
      [
        "agentwire → peer",
        "Our agent alone: from the environment, as the documents show it, restarts of both servers",
      ],
    ],
  ),
  ...row(
    "test/peers/cap-trust.test.ts",
    ["cap", "nats"],
    [
      [
        "peer → agentwire",
        "Its `Agent` starts with what `agentwire dev --trust` gives it",
        "agentwire dev --trust",
      ],
      ["both ways", "Worker trust and CAP-PRODUCTION scenarios: its worker and ours end alike"],
    ],
  ),
  ...row(
    "test/peers/redis-python.test.ts",
    ["cap", "redis"],
    [["both ways", "Values in Redis: its store reads ours, ours reads its"]],
  ),
  ...row(
    "test/peers/redis.test.ts",
    ["redis", "redisClients"],
    [["agentwire → peer", "Values, time to live, ping, TLS, client certificates, restarts"]],
  ),
  ...row(
    "test/cap-delivery/result-cache.test.ts",
    ["redis", "redisClients"],
    [["agentwire → peer", "Results of finished jobs, once each, in Redis and in memory"]],
  ),
  ...row(
    "test/cap/nats/bus.test.ts",
    ["nats", "natsClients"],
    [["agentwire → peer", "Publish, subscribe, queue groups, requests, logins, permissions, TLS"]],
  ),
  ...row(
    "test/cap/nats/bus-contract.test.ts",
    ["nats", "natsClients"],
    [["agentwire → peer", "The contract of a bus, on the server and in memory"]],
  ),
  ...row(
    "test/cap-delivery/jetstream.test.ts",
    ["nats", "natsClients"],
    [["agentwire → peer", "JetStream: streams, consumers, acknowledgements, redelivery, restarts"]],
  ),
  ...row(
    "test/cap-delivery/matrix.test.ts",
    ["nats"],
    [["agentwire → peer", "Agent and client in every mode of delivery and signing"]],
  ),
  ...row(
    "test/peers/cap-nats-example.test.ts",
    ["nats"],
    [["agentwire → peer", "The example of docs/cap-nats.md prints what the page shows"]],
  ),
  ...row(
    "test/peers/cap-delivery-example.test.ts",
    ["nats"],
    [["agentwire → peer", "The example of docs/cap-delivery.md prints what the page shows"]],
  ),
  ...row(
    "test/peers/neuron-python.test.ts",
    ["neuron"],
    [
      ["peer → agentwire", "Registers with `LocalBigBrain`, heartbeats, progress, acks", "registers, beats"],
      ["peer → agentwire", "Nacks of every kind at `LocalBigBrain`", "nacks of every kind"],
      [
        "peer → agentwire",
        "Reconnects to `LocalBigBrain` after dropped streams, a restart and a 401",
        "comes back",
      ],
      ["peer → agentwire", "Drains at `LocalBigBrain`", "drains"],
    ],
  ),
  ...row(
    "test/peers/neuron-auth.test.ts",
    ["neuron"],
    [["both ways", "Credential files: one side writes, the other reads and mints a token"]],
  ),
  ...row(
    "test/cap/vectors.test.ts",
    ["capRecorded"],
    [
      [
        "both ways",
        "Golden packets: decoded and encoded again to the same bytes",
        "decoded and encoded again",
      ],
      ["agentwire → peer", "Golden packets and messages: the same canonical bytes", "canonical bytes"],
      [
        "peer → agentwire",
        "Golden packets: the same verdict on signatures and rules, with two crypto libraries",
        "packets.json",
      ],
      ["peer → agentwire", "Damaged and forged packets: the same verdict", "negative.json"],
      ["both ways", "Pointers, agent names, trust modes"],
    ],
  ),
  ...row(
    "test/cap/worker-trust-vectors.test.ts",
    ["capRecorded"],
    [["both ways", "Worker trust: every message of the recorded handshakes, and the damaged ones"]],
  ),
  ...row(
    "test/cap/production-vectors.test.ts",
    ["capRecorded"],
    [["both ways", "CAP-PRODUCTION: exact bytes, refusals, resource references, replays, identities"]],
  ),
  ...row(
    "test/neuron/traces.test.ts",
    ["neuronRecorded"],
    [["agentwire → peer", "Recorded sessions of a neuron: the same requests and events"]],
  ),
  ...row(
    "test/neuron/auth-traces.test.ts",
    ["neuronRecorded"],
    [["agentwire → peer", "Recorded OAuth traffic: enrol, mint, rotate, revoke"]],
  ),
  ...row("test/core/schema-cases.test.ts", ["neuronRecorded"], [["both ways", "JSON Schema verdicts"]]),
  ...row(
    "test/aureus/v1-vectors.test.ts",
    ["aureusSdk"],
    [
      ["agentwire → peer", "The client sends the recorded requests of the SDK", "sends the same request"],
      ["peer → agentwire", "The client reads the recorded answers as the SDK does"],
    ],
  ),
  ...row(
    "test/aureus/console-vectors.test.ts",
    ["aureusConsole"],
    [["both ways", "The console client sends the recorded requests and reads the recorded answers"]],
  ),
  ...row(
    "test/aureus/engine-recordings.test.ts",
    ["aureusConsole"],
    [["both ways", "The engine: recorded verdicts, policy decisions and workflows"]],
  ),
  ...row(
    "test/4runr/local-replay.test.ts",
    ["gateway"],
    [
      [
        "both ways",
        "`Local4Runr` answers every recorded request as the gateway did, apart from listed differences",
      ],
    ],
  ),
  ...row(
    "test/4runr/recordings.test.ts",
    ["gateway", "gatewaySdks"],
    [
      [
        "agentwire → peer",
        "The client makes the recorded calls of both SDKs and reads the answers alike",
        "recorded sessions",
      ],
      ["both ways", "The client reads every recorded answer of the gateway"],
    ],
  ),
  ...row(
    "test/4runr/readme.test.ts",
    ["gatewaySdks"],
    [["agentwire → peer", "What the README of the SDK shows"]],
  ),
  ...row(
    "test/gen/recordings.test.ts",
    ["neuronRecorded", "aureusSdk", "aureusConsole", "gateway"],
    [
      [
        "both ways",
        "Every recorded body and frame conforms to the specs; no body without a required member does",
      ],
    ],
  ),
];

/** The rows of one file, from direction, operation and the text of the tests. */
function row(
  file: string,
  peers: readonly PeerName[],
  rows: readonly (readonly [direction: Direction, operation: string, tests?: string])[],
): Row[] {
  return rows.map(([direction, operation, tests]) => ({
    file,
    peers,
    operation,
    direction,
    ...(tests === undefined ? {} : { tests }),
  }));
}
