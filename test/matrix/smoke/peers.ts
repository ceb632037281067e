/** What the smoke programs talk to: the local servers of the package, in this process, on loopback. */
import { Local4Runr, LocalAureus, LocalBigBrain } from "agentwire/testing";

/** Where the local servers are. Plain data, so that it can be handed to a browser or a worker. */
export interface PeerAddresses {
  readonly bigBrainUrl: string;
  readonly aureusUrl: string;
  readonly fourRunrUrl: string;
  readonly agentId: string;
}

/** Local servers that listen. */
export interface Peers extends PeerAddresses {
  /** Rejects unless the neuron's task was completed with the right output. Call it after the programs. */
  settled(): Promise<void>;
  close(): Promise<void>;
}

/** Starts all local servers. Every neuron that registers gets one task of `smoke/double`. */
export async function startPeers(): Promise<Peers> {
  const brain = await LocalBigBrain.start();
  const outcomes: Promise<{ readonly status: string; readonly output?: unknown }>[] = [];
  brain.on("registered", () => {
    outcomes.push(brain.submit({ capability: "smoke/double", input: { n: 21 } }));
  });
  const aureus = await LocalAureus.start();
  const fourRunr = await Local4Runr.start();
  const { agentId } = await fourRunr.register({ role: "smoke", spec: { scopes: ["serpapi:search"] } });
  return {
    bigBrainUrl: brain.url,
    aureusUrl: aureus.url,
    fourRunrUrl: fourRunr.url,
    agentId,
    async settled() {
      for (const outcome of await Promise.all(outcomes)) {
        const text = JSON.stringify([outcome.status, outcome.output]);
        if (text !== '["completed",{"doubled":42}]') throw new Error(`the gateway has ${text}`);
      }
      if (outcomes.length === 0) throw new Error("no neuron registered");
      if (brain.refused.length > 0) throw new Error(`refused: ${JSON.stringify(brain.refused[0])}`);
    },
    async close() {
      await Promise.all([brain.close(), aureus.close(), fourRunr.close()]);
    },
  };
}
