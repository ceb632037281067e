/** The server of this page: the token, requests, and the stream of records. */
import type { Summary } from "../record.ts";

const KEY = "agentwire-token";

/** Takes the token out of the address, where it would stay in the history, and keeps it for this tab. */
export function takeToken(): void {
  const given = new URLSearchParams(location.hash.slice(1)).get("t");
  if (given === null) return;
  sessionStorage.setItem(KEY, given);
  history.replaceState(null, "", location.pathname);
}

/** The token is missing or not accepted. */
export class Unauthorized extends Error {}

async function request(path: string, init: RequestInit = {}): Promise<Response> {
  const headers = { ...init.headers, authorization: `Bearer ${sessionStorage.getItem(KEY) ?? ""}` };
  const response = await fetch(path, { ...init, headers });
  if (response.status === 401) throw new Unauthorized("open the address that agentwire printed");
  if (response.ok) return response;
  const { error } = (await response.json().catch(() => ({}))) as { error?: string };
  throw new Error(error ?? `the server answered ${response.status}`);
}

export async function get<T>(path: string): Promise<T> {
  return (await (await request(path)).json()) as T;
}

export async function getText(path: string): Promise<string> {
  return (await request(path)).text();
}

export async function post<T>(path: string, body: unknown): Promise<T> {
  const init = {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  };
  return (await (await request(path, init)).json()) as T;
}

export interface Hello {
  readonly startedAt: string;
  readonly mono: number;
  readonly resumed: boolean;
}

export type Link = "connecting" | "live" | "lost" | "unauthorized";

export interface StreamEvents {
  hello(hello: Hello): void;
  records(batch: readonly Summary[]): void;
  link(state: Link, why?: string): void;
}

/** Reads records until `signal` fires; reconnects where it stopped. */
export async function readEvents(events: StreamEvents, signal: AbortSignal): Promise<void> {
  let last = 0;
  let waitMs = 250;
  while (!signal.aborted) {
    try {
      const response = await request("/api/events", { headers: { "last-event-id": String(last) }, signal });
      waitMs = 250;
      events.link("live");
      await readFrames(response.body!, (frame) => {
        if (frame.event === "hello") return events.hello(JSON.parse(frame.data) as Hello);
        last = Number(frame.id);
        events.records(JSON.parse(frame.data) as Summary[]);
      });
      events.link("lost");
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof Unauthorized) return events.link("unauthorized", error.message);
      events.link("lost");
    }
    await new Promise((resolve) => setTimeout(resolve, waitMs));
    waitMs = Math.min(waitMs * 2, 5_000);
  }
}

interface Frame {
  event: string;
  id: string;
  data: string;
}

async function readFrames(body: ReadableStream<Uint8Array>, onFrame: (frame: Frame) => void): Promise<void> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    text += decoder.decode(value, { stream: true });
    const frames = text.split("\n\n");
    text = frames.pop()!;
    for (const raw of frames) {
      const frame: Frame = { event: "", id: "", data: "" };
      for (const line of raw.split("\n")) {
        const at = line.indexOf(": ");
        const name = line.slice(0, at);
        if (name === "event" || name === "id" || name === "data") frame[name] += line.slice(at + 2);
      }
      if (frame.data !== "") onFrame(frame);
    }
  }
}
