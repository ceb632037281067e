/** An identity server on loopback for tests, and what is needed to play recordings against it. */
import { mkdtempSync, readFileSync } from "node:fs";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FakeClock } from "../../src/testing/index.js";

export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly form: Readonly<Record<string, string>>;
}

export interface AuthAnswer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Text as it is, anything else as JSON. */
  readonly body?: unknown;
}

export interface AuthServer {
  readonly url: string;
  readonly seen: SeenRequest[];
  /** What answers; may be replaced at any time. */
  rule: (request: SeenRequest, index: number) => AuthAnswer | undefined;
  close(): Promise<void>;
}

/** Starts one. A request without an answer has its connection broken. */
export async function startAuthServer(rule: AuthServer["rule"] = () => undefined): Promise<AuthServer> {
  const server = createServer(async (request, response) => {
    let text = "";
    for await (const chunk of request) text += String(chunk);
    const { method = "", url: path = "", headers } = request;
    const seen = { method, path, headers, form: Object.fromEntries(new URLSearchParams(text)) };
    self.seen.push(seen);
    const answer = self.rule(seen, self.seen.length - 1);
    if (answer === undefined) return void request.socket.destroy();
    const { status = 200, body = "" } = answer;
    response.writeHead(status, { "Content-Type": "application/json", ...answer.headers });
    response.end(typeof body === "string" ? body : JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const self: AuthServer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen: [],
    rule,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return self;
}

export interface TraceLine {
  readonly seq: number;
  readonly kind: "request" | "response" | "note" | "event";
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string & { form: Record<string, string> };
  readonly note: string;
}

/** The lines of a recording. */
export function readTrace(name: string): TraceLine[] {
  const file = join(import.meta.dirname, `../vectors/neuron/traces/${name}.jsonl`);
  const lines = readFileSync(file, "utf8").trim().split("\n");
  return lines.map((line) => JSON.parse(line) as TraceLine);
}

/** What a server has to answer to behave as recorded. */
export function recordedAnswers(trace: readonly TraceLine[]): AuthServer["rule"] {
  const answers = trace.filter(({ kind }) => kind === "response");
  return (_request, index) => {
    const line = answers[index];
    return line && { status: line.status, headers: line.headers, body: line.body };
  };
}

/** Requests as recordings and we have them in common: what a server looks at. */
export function comparable({ method, path, headers, ...rest }: SeenRequest | TraceLine): object {
  const form = "form" in rest ? rest.form : ((rest as TraceLine).body?.form ?? {});
  return { method, path, accept: headers.accept, type: headers["content-type"], form };
}

/** Longer than any wait that is meant: a limit of this length never fires in {@link drive}. */
export const NEVER_MS = 86_400_000;

/** A clock whose waits are written down. */
export class RecordingClock extends FakeClock {
  readonly waits: number[] = [];

  override setTimeout(run: () => void, ms: number) {
    if (ms < NEVER_MS) this.waits.push(ms);
    return super.setTimeout(run, ms);
  }
}

/** Moves the clock over every wait until the promise settles; requests and files take what they need. */
export async function drive<T>(promise: Promise<T>, clock: FakeClock): Promise<T> {
  let settled = false;
  const mark = () => {
    settled = true;
  };
  promise.then(mark, mark);
  while (!settled) {
    const next = clock.nextInMs;
    if (next !== undefined && next < NEVER_MS / 2) await clock.advance(next);
    await new Promise((resolve) => setImmediate(resolve));
  }
  return promise;
}

/** The path of a credential file in a folder that does not exist yet. */
export function freshPath(): string {
  return join(mkdtempSync(join(tmpdir(), "agentwire-")), "sub", "credentials.json");
}
