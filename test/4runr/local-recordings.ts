/** Recorded exchanges with the token gateway, and what is needed to ask another gateway the same again. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { systemClock } from "../../src/core/clock.js";
import { uuid } from "../../src/core/ids.js";
import type { IdKind } from "../../src/testing/four-runr/ids.js";

const folder = join(import.meta.dirname, "../vectors/4runr");

type Json = Readonly<Record<string, unknown>>;

/** One request and its answer. */
export interface Exchange {
  /** `<file>/<line>`, lines counted from 1. */
  readonly id: string;
  readonly name: string;
  /** Which gateway it was. */
  readonly gateway: string;
  readonly request: {
    readonly method: string;
    readonly path: string;
    readonly headers?: Readonly<Record<string, string>>;
    readonly body?: unknown;
  };
  readonly response: {
    readonly status: number;
    readonly headers: Readonly<Record<string, string>>;
    readonly body: unknown;
  };
}

/** All exchanges of a file. */
export function readExchanges(file: string): Exchange[] {
  const lines = readFileSync(join(folder, `${file}.jsonl`), "utf8")
    .trim()
    .split("\n");
  return lines.map((line, index) => ({
    id: `${file}/${index + 1}`,
    ...(JSON.parse(line) as Omit<Exchange, "id">),
  }));
}

/** The bytes to send, as text. The recorder elided a body beyond the limit and noted its size. */
export function bodyText({ body }: Exchange["request"]): string | undefined {
  if (body === undefined || body === null) return undefined;
  if (typeof body !== "string") return JSON.stringify(body);
  const size = /^<(\d+) bytes>$/.exec(body)?.[1];
  return size === undefined ? body : JSON.stringify({ fill: "x".repeat(Number(size) - 11) });
}

/** The headers to send: those recorded, and the content type where the recorder left it out. */
export function requestHeaders({ headers, body }: Exchange["request"]): Record<string, string> {
  const sent = { ...headers };
  const named = Object.keys(sent).some((name) => name.toLowerCase() === "content-type");
  if (!named && body !== undefined && body !== null) sent["content-type"] = "application/json";
  return sent;
}

/** What a gateway has to be given so that it says the same: the time, and the ids that it gave out. */
export class RecordedWorld {
  readonly #records = new Map<string, string>();
  readonly #registry = new Map<string, string>();
  readonly #agentsAt = new Map<string, number>();
  #now = 0;
  #next: Partial<Record<IdKind, string>> = {};

  /** Reads ahead: some ids show only in later lists. */
  constructor(exchanges: readonly Exchange[]) {
    for (const { response } of exchanges) {
      for (const item of itemsOf(response.body)) {
        if (typeof item.encrypted === "string") this.#records.set(item.encrypted, item.id as string);
        if (typeof item.tokenId === "string") this.#registry.set(item.tokenId, item.id as string);
        if (typeof item.publicKey === "string") {
          this.#agentsAt.set(item.id as string, Date.parse(item.createdAt as string));
        }
      }
    }
    this.#now = Math.min(...exchanges.map((exchange) => timeOf(exchange) ?? Infinity));
  }

  /** Stands still between two requests. */
  readonly clock = { ...systemClock, now: () => this.#now, monotonic: () => this.#now };

  /** Gives the ids of the exchange that is on, and any others at random. */
  readonly ids = (kind: IdKind): string => this.#next[kind] ?? uuid();

  /** Moves to the moment of an exchange. */
  enter(exchange: Exchange): void {
    const { path } = exchange.request;
    const { body: given, headers } = exchange.response;
    const body = (given ?? {}) as Json;
    const at = this.#agentsAt.get(body.agent_id as string) ?? timeOf(exchange) ?? this.#now;
    this.#now = Math.max(this.#now, at);
    const token = typeof body.agent_token === "string" ? body.agent_token : undefined;
    const found: Partial<Record<IdKind, string | undefined>> = {
      agent: body.agent_id as string,
      policy: body.id as string,
      credential: body.id as string,
      correlation: headers["x-correlation-id"],
      mail: (body.data as Json | undefined)?.id as string | undefined,
      ...(token !== undefined && {
        nonce: payloadOf(token).nonce as string,
        token: body.token_id as string,
        tokenRecord: this.#records.get(token),
        registry: this.#registry.get(body.token_id as string),
      }),
    };
    this.#next = path.startsWith("/api/") ? (found as Partial<Record<IdKind, string>>) : {};
  }
}

/** What a token says. */
export function payloadOf(token: string): Json {
  return JSON.parse(Buffer.from(token.split(".")[0]!, "base64").toString("utf8")) as Json;
}

/** The moment at which the gateway answered, where the answer tells. */
function timeOf({ response }: Exchange): number | undefined {
  const correlation = /^req_(\d+)_/.exec(response.headers["x-correlation-id"] ?? "")?.[1];
  if (correlation !== undefined) return Number(correlation);
  if (typeof response.body !== "object" || response.body === null || Array.isArray(response.body))
    return undefined;
  const body = response.body as Json;
  const token = typeof body.agent_token === "string" ? payloadOf(body.agent_token).issued_at : undefined;
  for (const text of [token, body.updatedAt, body.activatedAt, body.revokedAt, body.timestamp]) {
    if (typeof text === "string") return Date.parse(text);
  }
  return undefined;
}

function itemsOf(body: unknown): Json[] {
  if (Array.isArray(body)) return body as Json[];
  if (typeof body !== "object" || body === null) return [];
  const { agents, agent, tokens } = body as Json;
  return [...((agents ?? tokens ?? []) as Json[]), ...(agent ? [agent as Json] : [])];
}
