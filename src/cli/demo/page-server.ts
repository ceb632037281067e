/** Serves one file as a web page on loopback. */
import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { escapeHtml } from "../../testing/http/html.js";
import { LoopbackServer } from "../../testing/http/loopback-server.js";

/** A page that is served. */
export interface ServedPage {
  readonly url: string;
  /** The text of the file. */
  readonly text: string;
  close(): Promise<void>;
}

/** Starts it. Rejects when the file cannot be read. */
export async function servePage(file: string): Promise<ServedPage> {
  const text = await readFile(file, "utf8");
  const page = `<!doctype html>\n<title>${basename(file)}</title>\n<pre>${escapeHtml(text)}</pre>\n`;
  const headers = { "content-type": "text/html; charset=utf-8" };
  const server = new LoopbackServer(() => new Response(page, { headers }));
  await server.start();
  return {
    url: `${server.url}/${encodeURIComponent(basename(file))}`,
    text,
    close: () => server.close(),
  };
}

/** The text of such a page. */
export function textOfPage(html: string): string {
  const [, escaped = ""] = /<pre>([\s\S]*)<\/pre>/.exec(html) ?? [];
  return escaped.replace(/&#(\d+);/g, (_, code: string) => String.fromCharCode(Number(code)));
}
