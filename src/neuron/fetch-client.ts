/** A given `fetch` in the form in which the transport makes its requests. */
import { asAbortError } from "../core/abort-error.js";
import { ConnectionError, errorText } from "../core/errors.js";
import type { KeepAliveAnswer, KeepAliveClient } from "../core/keep-alive-fetch.js";

/** Makes requests with `fetch`: in browsers, and where the user gives one. Redirects are not followed. */
export function fetchClient(fetch: typeof globalThis.fetch): KeepAliveClient {
  return {
    async request(url, { method, headers, body, signal }) {
      const init: RequestInit = { method, headers, redirect: "manual", cache: "no-store" };
      if (body !== undefined) init.body = body as BodyInit;
      if (signal !== undefined) init.signal = signal;
      try {
        return answerOf(await fetch(String(url), init), signal);
      } catch (error) {
        throw failed(error, signal);
      }
    },
    close() {},
  };
}

function failed(error: unknown, signal: AbortSignal | undefined): unknown {
  const known = asAbortError(error, signal);
  if (known !== error) return known;
  const cause = error instanceof Error && error.cause !== undefined ? `: ${errorText(error.cause)}` : "";
  return new ConnectionError(`${errorText(error)}${cause}`, { cause: error });
}

function answerOf(response: Response, signal: AbortSignal | undefined): KeepAliveAnswer {
  return {
    // What a browser shows of a redirect it did not follow has status 0.
    status: response.type === "opaqueredirect" ? 302 : response.status,
    statusText: response.statusText,
    headers: Object.fromEntries(response.headers),
    async read(onChunk) {
      const reader = response.body?.getReader();
      try {
        for (let next = await reader?.read(); next && !next.done; next = await reader?.read())
          onChunk(next.value);
      } catch (error) {
        await reader?.cancel().catch(() => {});
        throw failed(error, signal);
      }
    },
    discard() {
      // Read, not cancelled: a cancelled body costs the connection.
      response.arrayBuffer().catch(() => {});
    },
  };
}
