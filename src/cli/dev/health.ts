/** The health page of `agentwire dev`: for a person, for a program, and a way to give neurons a task. */
import { errorText } from "../../core/errors.js";
import { escapeHtml } from "../../testing/http/html.js";
import { LoopbackServer, readBody } from "../../testing/http/loopback-server.js";
import type { NeuronPart } from "./http-sides.js";

/** What the page shows. */
export interface Health {
  readonly version: string;
  readonly startedAt: string;
  /** Name, value; no secrets. */
  readonly env: Readonly<Record<string, string>>;
  readonly parts: Readonly<
    Record<string, { readonly state: string; readonly reason?: string; readonly [fact: string]: unknown }>
  >;
}

const MAX_BODY_BYTES = 1_048_576;

/** Serves the page on 127.0.0.1. @throws ConnectionError for a port that is taken */
export async function serveHealth(
  port: number,
  health: () => Health,
  neuron: NeuronPart,
): Promise<LoopbackServer> {
  const server = new LoopbackServer(
    (request) =>
      answer(request, health, neuron).then(toResponse, (error: unknown) =>
        toResponse([400, JSON_TYPE, json({ error: errorText(error) })]),
      ),
    { port },
  );
  await server.start();
  return server;
}

const JSON_TYPE = "application/json";
type Answer = readonly [status: number, type: string, body: string];

async function answer(request: Request, health: () => Health, neuron: NeuronPart): Promise<Answer> {
  const { method, headers } = request;
  const { pathname, search } = new URL(request.url);
  const url = pathname + search;
  if (method === "GET" && url === "/") return [200, "text/html; charset=utf-8", page(health())];
  if (method === "GET" && url === "/health") return [200, JSON_TYPE, json(health())];
  if (method !== "POST" || url !== "/neuron/tasks") return [404, JSON_TYPE, json({ error: "not found" })];
  // A page of another site cannot send this type without being allowed to.
  if (headers.get("content-type")?.split(";")[0]?.trim() !== JSON_TYPE) {
    return [415, JSON_TYPE, json({ error: `send ${JSON_TYPE}` })];
  }
  const text = await readBody(request, MAX_BODY_BYTES);
  if (text === undefined) return [413, JSON_TYPE, json({ error: "the body is too large" })];
  const { capability, input } = JSON.parse(text) as {
    capability?: unknown;
    input?: unknown;
  };
  if (typeof capability !== "string") return [400, JSON_TYPE, json({ error: "capability is missing" })];
  return [200, JSON_TYPE, json(await neuron.submit(capability, input))];
}

function toResponse([status, type, body]: Answer): Response {
  const headers = { "content-type": type, "cache-control": "no-store", "x-content-type-options": "nosniff" };
  return new Response(body, { status, headers });
}

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

function page({ version, startedAt, env, parts }: Health): string {
  const rows = Object.entries(parts).map(
    ([name, { state, reason, ...facts }]) =>
      `<tr class="${escapeHtml(state)}"><th>${escapeHtml(name)}<td>${escapeHtml(reason ?? state)}<td><pre>${escapeHtml(
        JSON.stringify(facts, null, 1),
      )}</pre>`,
  );
  const lines = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  return `<!doctype html><html lang="en"><meta charset="utf-8"><meta http-equiv="refresh" content="2">
<title>agentwire dev</title>
<style>body{font:15px/1.4 system-ui;margin:2rem}th{text-align:left;vertical-align:top;padding-right:1rem}
td{vertical-align:top;padding-right:1rem}pre{margin:0}.off{color:#888}.running th{color:#070}</style>
<h1>agentwire ${escapeHtml(version)} dev</h1><p>since ${escapeHtml(startedAt)}; <a href="/health">the same as JSON</a></p>
<table>${rows.join("")}</table><h2>Environment</h2><pre>${escapeHtml(lines.join("\n"))}</pre></html>
`;
}
