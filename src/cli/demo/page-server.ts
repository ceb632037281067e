/** Serves one file as a web page on loopback. */
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { basename } from "node:path";

/** A page that is served. */
export interface ServedPage {
  readonly url: string;
  /** The text of the file. */
  readonly text: string;
  close(): Promise<void>;
}

const ESCAPES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;" };

/** Starts it. Rejects when the file cannot be read. */
export async function servePage(file: string): Promise<ServedPage> {
  const text = await readFile(file, "utf8");
  const escaped = text.replace(/[&<>]/g, (char) => ESCAPES[char]!);
  const page = `<!doctype html>\n<title>${basename(file)}</title>\n<pre>${escaped}</pre>\n`;
  const server = createServer((_, response) => {
    response.writeHead(200, { "content-type": "text/html; charset=utf-8" }).end(page);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/${encodeURIComponent(basename(file))}`,
    text,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** The text of such a page. */
export function textOfPage(html: string): string {
  const [, escaped = ""] = /<pre>([\s\S]*)<\/pre>/.exec(html) ?? [];
  return escaped.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");
}
