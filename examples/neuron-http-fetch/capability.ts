/** `examples/http.fetch`: fetches a URL and returns status, headers and body. */
import { jsonSchema } from "agentwire";
import { defineHandler } from "agentwire/handler";

interface FetchInput {
  readonly url: string;
  readonly method?: "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | null;
  readonly timeoutMs?: number;
}

interface FetchOutput {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly durationMs: number;
  readonly finalUrl: string;
}

/** A larger body ends the task for good. */
const maxBodyBytes = 1_000_000;

export const httpFetch = defineHandler({
  description: "Fetches an HTTP(S) URL and returns status, headers and body.",
  input: jsonSchema<FetchInput>({
    type: "object",
    additionalProperties: false,
    required: ["url"],
    properties: {
      url: { type: "string", format: "uri" },
      method: { enum: ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"], default: "GET" },
      headers: { type: "object", additionalProperties: { type: "string" } },
      body: { type: ["string", "null"] },
      timeoutMs: { type: "integer", minimum: 100, maximum: 60_000, default: 10_000 },
    },
  }),
  output: jsonSchema<FetchOutput>({
    type: "object",
    required: ["status", "headers", "body", "durationMs", "finalUrl"],
    properties: {
      status: { type: "integer" },
      headers: { type: "object", additionalProperties: { type: "string" } },
      body: { type: "string" },
      durationMs: { type: "number", minimum: 0 },
      finalUrl: { type: "string" },
    },
  }),
  async run({ url, method = "GET", headers = {}, body = null, timeoutMs = 10_000 }, ctx) {
    if (!/^https?:/i.test(url)) ctx.fail(`not an http(s) URL: ${url}`, { code: "BAD_URL" });
    const started = performance.now();
    // A cancelled lease and a slow server end the request alike; what this throws is tried again by the workflow.
    const signal = AbortSignal.any([ctx.signal, AbortSignal.timeout(timeoutMs)]);
    const response = await fetch(url, { method, headers, body, signal }).catch((error: Error) => {
      // "fetch failed" alone says nothing; the cause does.
      throw error.cause instanceof Error
        ? new Error(`${error.message}: ${error.cause.message}`, { cause: error })
        : error;
    });
    const text = await textOf(response);
    if (text === undefined)
      return ctx.fail(`the body takes more than ${maxBodyBytes} bytes`, { code: "BODY_TOO_LARGE" });
    return {
      status: response.status,
      headers: Object.fromEntries(response.headers),
      body: text,
      durationMs: performance.now() - started,
      finalUrl: response.url,
    };
  },
});

/** The body, or undefined for one that is too large: its rest is not read. */
async function textOf({ body }: Response): Promise<string | undefined> {
  const decoder = new TextDecoder();
  const reader = body?.getReader();
  let [text, size] = ["", 0];
  for (let next = await reader?.read(); next?.value !== undefined; next = await reader?.read()) {
    size += next.value.length;
    text += decoder.decode(next.value, { stream: true });
    if (size <= maxBodyBytes) continue;
    await reader?.cancel();
    return undefined;
  }
  return text + decoder.decode();
}
