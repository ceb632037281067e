/** A gateway of scripted answers, as a `fetch`, and a client in front of it. */
import { GatewayClient, type GatewayClientOptions } from "../../src/4runr/index.js";
import { FakeClock } from "../../src/testing/fake-clock.js";

/** An answer; a function is asked each time. */
export interface Reply {
  readonly status?: number;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** Thrown in place of an answer. */
  readonly throws?: unknown;
  /** Never answers until the signal fires. */
  readonly hangs?: boolean;
  /** Answers when this is done. */
  readonly until?: Promise<void>;
}

/** What was asked. */
export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Record<string, unknown> | undefined;
}

export const agentId = "11111111-2222-4333-8444-555555555555";

/** A token as the gateway makes them. */
export function tokenOf(payload: Readonly<Record<string, unknown>>): string {
  return `${Buffer.from(JSON.stringify(payload)).toString("base64")}.${"ab".repeat(32)}`;
}

/** Answers proxied calls (and everything but token requests) with `replies` in order; the last one stays. */
export function scripted(replies: readonly Reply[], issue: (n: number) => Reply = issued) {
  const asked: Asked[] = [];
  let next = 0;
  let tokens = 0;
  const fake = async (input: unknown, init: RequestInit = {}): Promise<Response> => {
    const path = String(input).replace(/^https?:\/\/[^/]+/, "");
    const body = init.body === undefined ? undefined : (JSON.parse(String(init.body)) as Asked["body"]);
    asked.push({ method: init.method!, path, headers: init.headers as Asked["headers"], body });
    const isToken = path.endsWith("/api/generate-token");
    const reply = isToken ? issue(++tokens) : (replies[Math.min(next++, replies.length - 1)] ?? {});
    if (reply.throws !== undefined) throw reply.throws;
    if (reply.hangs) {
      await new Promise((_, reject) =>
        init.signal!.addEventListener("abort", () => reject(init.signal!.reason)),
      );
    }
    await reply.until;
    const { status = 200, headers } = reply;
    const text = typeof reply.body === "string" ? reply.body : JSON.stringify(reply.body ?? ok({ x: 1 }));
    return new Response(status === 204 ? null : text, { status, ...(headers && { headers }) });
  };
  const proxied = () => asked.filter(({ path }) => path.endsWith("/api/proxy-request"));
  const tokenRequests = () => asked.filter(({ path }) => path.endsWith("/api/generate-token"));
  return { fetch: fake as typeof fetch, asked, proxied, tokenRequests };
}

/** The answer to the n-th request for a token. */
export function issued(n: number): Reply {
  const agent_token = tokenOf({ agent_id: agentId, n });
  return { status: 201, body: { agent_token, token_id: `tid-${n}`, expires_at: "x", agent_name: "n" } };
}

/** A body of success. */
export function ok(data: unknown): unknown {
  return { success: true, data, metadata: { response_time_ms: 3 } };
}

/** A client over scripted answers and a clock under control. */
export function setUp(
  replies: readonly Reply[] = [{}],
  options: Partial<GatewayClientOptions> = {},
  issue?: (n: number) => Reply,
) {
  const clock = new FakeClock();
  const gateway = scripted(replies, issue);
  const gw = new GatewayClient({
    baseUrl: "http://gateway.test",
    agentId,
    clock,
    fetch: gateway.fetch,
    random: () => 0,
    ...options,
  });
  return { clock, gw, ...gateway };
}

/** What a promise rejects with. */
export async function failure(promise: PromiseLike<unknown>): Promise<Error & Record<string, unknown>> {
  return promise.then(
    () => {
      throw new Error("it did not fail");
    },
    (error: Error & Record<string, unknown>) => error,
  );
}

export const mail = { to: "user@example.com", subject: "Test email", body: "Hello world!" };
export const search = { q: "openai canada", engine: "google" };
