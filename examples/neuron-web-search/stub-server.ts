/** A search server on loopback that knows a few pages, and answers in the form of the public one. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Topic } from "./capability.ts";

const pages: readonly Topic[] = [
  { FirstURL: "https://example.org/leases", Text: "Leases - Work that is handed out for a time." },
  { FirstURL: "https://example.org/heartbeats", Text: "Heartbeats - A lease lives as long as they come." },
  { FirstURL: "https://example.org/neurons", Text: "Neurons - Workers that take leases from a gateway." },
];

/** Starts it; a query of `status N` is answered with that status. */
export async function startStub(): Promise<{ readonly url: string; close(): void }> {
  const server = createServer((request, response) => {
    const query = new URL(request.url!, "http://stub").searchParams.get("q") ?? "";
    const found = pages.filter(({ Text = "" }) => Text.toLowerCase().includes(query.toLowerCase()));
    const [first, ...others] = found;
    response.statusCode = Number(/^status (\d+)$/.exec(query)?.[1] ?? 200);
    response.setHeader("content-type", "application/json");
    response.end(
      JSON.stringify({ Results: first ? [first] : [], RelatedTopics: [{ Name: "More", Topics: others }] }),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}
