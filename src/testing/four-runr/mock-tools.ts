/** What the tools answer in the gateway's mock mode: always the same to the same call, apart from time and ids. */
import type { IdSource } from "./ids.js";

/** Params as they came, not checked any further. */
export type ToolParams = Readonly<Record<string, unknown>>;

/** One action of a tool. What it throws becomes the details of a 502, see {@link ToolFailure}. */
export type ToolAction = (params: ToolParams) => unknown;

/** Actions by tool and action. */
export type Tools = Readonly<Record<string, Readonly<Record<string, ToolAction>>>>;

/** An answer of the upstream that is not a success; its status and body become those of the gateway's answer. */
export class ToolFailure extends Error {
  readonly status: number;
  readonly body: unknown;

  constructor(status: number, body?: unknown, message = `Request failed with status code ${status}`) {
    super(message);
    this.name = "ToolFailure";
    this.status = status;
    this.body = body;
  }
}

/** The tools of the mock mode. */
export function mockTools(now: () => number, ids: IdSource): Tools {
  return {
    serpapi: {
      search({ q, num }) {
        const count = Math.min(num === undefined ? 10 : Number(num), 10);
        const results = Array.from({ length: count }, (_, index) => ({
          title: `Result ${index + 1} for ${q}`,
          url: `https://example.com/${encodeURIComponent(String(q))}/${index + 1}`,
        }));
        return { source: "serpapi-mock", query: q, results, ts: now() };
      },
    },
    http_fetch: {
      get: ({ url }) => ({ ...head(url), body: page(url) }),
      head: ({ url }) => head(url),
    },
    openai: {
      chat({ model, input }) {
        const text = textOf(input, "slice");
        return { model, output: `SUMMARY: ${text.slice(0, 120)}`, tokens_est: Math.ceil(text.length / 3) };
      },
      complete({ model, prompt }) {
        const text = textOf(prompt, "slice");
        const output = `COMPLETION: ${text.slice(0, 100)}...`;
        return { model, output, tokens_est: Math.ceil(text.length / 3) };
      },
    },
    gmail_send: {
      send({ to, subject, text }) {
        const body_len = textOf(text, "length").length;
        return { id: ids("mail"), to, status: "queued", subject_len: String(subject).length, body_len };
      },
      profile: () => ({ email: "mock@example.com", name: "Mock User", status: "active" }),
    },
  };
}

/**
 * The tools as a gateway in live mode has them today: no credential can be read and `http_fetch` has lost its
 * object, so no call succeeds.
 */
export function brokenLiveTools(): Tools {
  const lost = (): never => {
    throw new TypeError("this.isUrlAllowed is not a function");
  };
  return { http_fetch: { get: lost, head: lost } };
}

function head(url: unknown): object {
  return { url, status: 200, headers: { "content-type": "text/html" }, bytes: 120 };
}

function page(url: unknown): string {
  return `<html><head><title>Mock</title></head><body><h1>${url}</h1><p>hello</p></body></html>`;
}

/** A text that the tool reads without looking; in its absence the tool fails as JavaScript does. */
function textOf(value: unknown, member: string): string {
  if (value === undefined || value === null) {
    throw new TypeError(`Cannot read properties of ${value} (reading '${member}')`);
  }
  return String(value);
}
