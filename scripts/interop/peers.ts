/** The peers of the interop table, and how each says its version. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
  capPython,
  findPeer,
  natsReleases,
  natsServer,
  neuronPython,
  type Peer,
  redisServer,
} from "../../test/peers/ladder.ts";

const root = join(import.meta.dirname, "../..");

const output = (command: string, ...args: string[]) => execFileSync(command, args, { encoding: "utf8" });

/** What a Python has installed. */
const inPython = (distribution: string) => (python: string) =>
  output(python, "-c", `from importlib.metadata import version; print(version("${distribution}"))`).trim();

const serverVersion = (path: string) => /v?(\d+\.\d+\.\d+)/.exec(output(path, "--version"))![1]!;

/** Asks the program that the tests run, so that no version is written by hand. */
async function live(name: string, peer: Peer, version: (path: string) => string): Promise<string> {
  const path = await findPeer(peer);
  return path === undefined ? `${name} (missing: ${peer.howTo})` : `${name} ${version(path)}`;
}

function npm(name: string): string {
  const { version } = JSON.parse(readFileSync(join(root, `node_modules/${name}/package.json`), "utf8"));
  return `${name} ${version}`;
}

/** A peer that is recorded in test/vectors, which names the versions. */
const recorded = (name: string) => `${name}, recorded`;

/** Name and version of each, as it is found now. */
export async function findVersions() {
  return {
    cap: await live("cap-sdk-python", capPython, inPython("cap-sdk-python")),
    neuron: await live("holokai-neuron-sdk", neuronPython, inPython("holokai-neuron-sdk")),
    nats: await live("nats-server", natsServer, serverVersion),
    redis: await live("redis-server", redisServer, serverVersion),
    natsClients: `${npm("nats")}, ${npm("@nats-io/transport-node")}`,
    redisClients: `${npm("ioredis")}, ${npm("redis")}`,
    capRecorded: recorded("cap-sdk-python 2.17.0"),
    neuronRecorded: recorded("holokai-neuron-sdk 0.2.0"),
    aureusSdk: recorded("aureus-sdk 0.1.0"),
    aureusConsole: recorded("Aureus console server and engine"),
    gateway: recorded("4Runr gateway, three builds"),
    gatewaySdks: recorded("runrgateway 1.0.0, @4runr/gateway 1.0.0"),
  };
}

export type PeerName = keyof Awaited<ReturnType<typeof findVersions>>;

/** Releases of nats-server that are here, with their paths, and those that are not. */
export async function findNatsReleases(): Promise<
  { name: string; path: string | undefined; howTo: string }[]
> {
  return Promise.all(
    natsReleases.map(async (peer) => ({ name: peer.name, path: await findPeer(peer), howTo: peer.howTo })),
  );
}
