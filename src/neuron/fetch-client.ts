/** A given `fetch` in the form in which the transport makes its requests. */
import { type LinkedSignal, linkSignals } from "../core/abort.js";
import { asAbortError } from "../core/abort-error.js";
import type { Clock } from "../core/clock.js";
import { AgentwireError, ConnectionError, errorText } from "../core/errors.js";
import type { KeepAliveAnswer, KeepAliveClient } from "../core/keep-alive.js";
import { onAbort } from "../core/on-abort.js";

/** Makes requests with `fetch`: in browsers, and where the user gives one. Redirects are not followed. */
export function fetchClient(fetch: typeof globalThis.fetch, clock?: Clock): KeepAliveClient {
  return {
    async request(url, { method, headers, body, signal: given, headTimeoutMs }) {
      const head = linkSignals([given], { timeoutMs: headTimeoutMs, clock, what: `${method} ${url}` });
      const { signal } = head;
      const init: RequestInit = { method, headers, redirect: "manual", cache: "no-store" };
      if (body !== undefined) init.body = body as BodyInit;
      init.signal = signal;
      try {
        return answerOf(await fetch(String(url), init), head, given);
      } catch (error) {
        throw failed(error, signal);
      } finally {
        // From here on only the caller's signal counts, see `read`.
        head.dispose();
      }
    },
    close() {},
  };
}

function failed(error: unknown, signal: AbortSignal | undefined): unknown {
  const known = asAbortError(error, signal);
  if (known instanceof AgentwireError) return known;
  const cause = error instanceof Error && error.cause !== undefined ? `: ${errorText(error.cause)}` : "";
  return new ConnectionError(`${errorText(error)}${cause}`, { cause: error });
}

function answerOf(response: Response, head: LinkedSignal, given: AbortSignal | undefined): KeepAliveAnswer {
  return {
    // What a browser shows of a redirect it did not follow has status 0.
    status: response.type === "opaqueredirect" ? 302 : response.status,
    statusText: response.statusText,
    headers: Object.fromEntries(response.headers),
    async read(onChunk) {
      const reader = response.body?.getReader();
      const off = given && onAbort(given, () => head.abort(given.reason));
      if (given?.aborted) head.abort(given.reason);
      try {
        for (let next = await reader?.read(); next && !next.done; next = await reader?.read())
          onChunk(next.value);
      } catch (error) {
        await reader?.cancel().catch(() => {});
        throw failed(error, head.signal);
      } finally {
        off?.();
      }
    },
    discard() {
      // Read, not cancelled: a cancelled body costs the connection.
      response.arrayBuffer().catch(() => {});
    },
  };
}
