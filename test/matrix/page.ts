/** Runs the programs in a page of a headless Chromium, across origins, against local servers in this process. */
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { launchBrowser } from "../../scripts/browser.ts";
import type { SmokeResult } from "./smoke/parts.ts";
import type { PeerAddresses } from "./smoke/peers.ts";

/** Opens a page that runs all programs. Rejects when there is no Chromium. */
export async function runInChromium(script: string, peers: PeerAddresses): Promise<SmokeResult[]> {
  const server = createServer((request, response) => {
    const isScript = request.url === "/page.mjs";
    response.writeHead(200, { "content-type": isScript ? "text/javascript" : "text/html" });
    response.end(isScript ? readFileSync(script) : "<!doctype html><title>smoke</title>");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const browser = await launchBrowser();
  try {
    const page = await browser.newPage();
    await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    return await page.evaluate(
      `import("/page.mjs").then(({ runParts }) => runParts(${JSON.stringify(peers)}))`,
    );
  } finally {
    await browser.close();
    server.close();
    server.closeAllConnections();
  }
}
