/** What the tools answer in the gateway's mock mode: always the same to the same call, apart from time and ids. */

/** One action of a mock tool. */
export type MockAction = (params: Readonly<Record<string, unknown>>) => unknown;

/** The actions of the mock tools. A missing text makes them fail as the gateway's own do. */
export function mockTools(
  now: () => number,
  mailId: () => string,
): Readonly<Record<string, Readonly<Record<string, MockAction>>>> {
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
        return { id: mailId(), to, status: "queued", subject_len: String(subject).length, body_len };
      },
      profile: () => ({ email: "mock@example.com", name: "Mock User", status: "active" }),
    },
  };
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
