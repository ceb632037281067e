/** What `agentwire dev` answers without a token: its health, and tasks for neurons. */
import type { Hono } from "hono";
import { isObject } from "../../core/json.js";
import type { NeuronPart } from "./http-sides.js";

/** What `/health` returns. */
export interface Health {
  readonly version: string;
  readonly startedAt: string;
  /** Name, value; no secrets. */
  readonly env: Readonly<Record<string, string>>;
  readonly parts: Readonly<
    Record<string, { readonly state: string; readonly reason?: string; readonly [fact: string]: unknown }>
  >;
}

/** Adds the routes. The page and programs of this machine use them; a page of another origin is refused before. */
export function addDevRoutes(app: Hono, health: () => Health, neuron: NeuronPart): void {
  app.get("/health", (c) => c.json(health()));
  app.post("/neuron/tasks", async (c) => {
    const body: unknown = await c.req.json();
    const { capability, input } = isObject(body) ? body : {};
    if (typeof capability !== "string")
      return c.json({ error: "`capability` is missing: expected a string" }, 400);
    return c.json(await neuron.submit(capability, input));
  });
}
