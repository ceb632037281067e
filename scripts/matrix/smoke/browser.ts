/** A page: takes the addresses of the local servers from its query, runs the programs, and posts the results home. */
import { runParts } from "./parts.js";
import type { PeerAddresses } from "./peers.js";

async function main(): Promise<void> {
  const addresses = JSON.parse(new URLSearchParams(location.search).get("peers") ?? "{}") as PeerAddresses;
  const results = await runParts(addresses).catch((error: unknown) => [
    { part: "page", ok: false, detail: String(error) },
  ]);
  await fetch("/results", { method: "POST", body: JSON.stringify(results) });
}

void main();
