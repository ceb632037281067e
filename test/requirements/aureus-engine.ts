import type { Requirements } from "./types.ts";

/** What the local engine and the counterpart of Aureus promise. */
export const aureusEngine = {
  "aureus.engine.recorded": {
    statement: "Every recorded CRV, policy and workflow verdict of the real engine is that of the local one.",
    source: "recordings of the Aureus engine and console server",
  },
  "aureus.engine.gate": {
    statement:
      "All validators run; validity and a required confidence decide; the first failure with a code names it.",
    source: "Aureus engine, package crv",
  },
  "aureus.engine.validators": {
    statement: "Each built-in validator fails with its codes and tells its confidence.",
    source: "Aureus engine, package crv",
  },
  "aureus.engine.recovery": {
    statement:
      "The four recovery strategies end as the orchestrator ends them; recovered data is judged again.",
    source: "Aureus engine, packages crv and kernel",
  },
  "aureus.engine.guard": {
    statement:
      "GoalGuard checks tool, permissions, MCP rule and tier in this order and moves through its states.",
    source: "Aureus engine, package policy",
  },
  "aureus.engine.tokens": {
    statement: "An approval token is good once, for its action, as the latest one, for an hour.",
    source: "Aureus engine, package policy",
  },
  "aureus.engine.order": {
    statement: "Tasks run one after another, each after those it depends on; the first failure ends the run.",
    source: "Aureus engine, package kernel",
  },
  "aureus.engine.retry": {
    statement:
      "Attempts, waits, jitter and time limits of a task follow its retry settings and their defaults.",
    source: "Aureus engine, package kernel",
  },
  "aureus.engine.compensation": {
    statement: "A failure runs the hook of its task, then undoes what is done, the last first.",
    source: "Aureus engine, package kernel",
  },
  "aureus.engine.resume": {
    statement: "Under the same id what is done is skipped and used attempts stay used.",
    source: "Aureus engine, package kernel",
  },
  "aureus.engine.lint": {
    statement:
      "The lint finds cycles, unknown and duplicate ids, wrong casing, nulls, unguarded risky tasks, and whatever breaks the schema.",
    source: "Aureus V1 models, cross-field checks that nobody makes",
  },
  "aureus.local.v1.recorded": {
    statement: "LocalAureus answers every V1 call recorded over the real engine as it was answered there.",
    source: "recordings of the Aureus Python SDK over the real engine",
  },
  "aureus.local.v1.accepts": {
    statement: "LocalAureus takes every request of the Python SDK as it was sent, nulls included.",
    source: "recordings of the Aureus Python SDK",
  },
  "aureus.local.v1.strict": {
    statement: "A body that breaks the spec is refused with every problem; answers keep to the spec.",
    source: "specs/aureus/v1.yaml",
  },
  "aureus.local.tools": {
    statement: "Workflows run with the registered tools, compensation included, and can be cancelled.",
    source: "Aureus Python SDK usage guide, workflow execution",
  },
  "aureus.local.faults": {
    statement: "Faults by operation: delays, statuses, cut connections before and after the work, restarts.",
    source: "agentwire design, embedded counterparts",
  },
  "aureus.local.console.recorded": {
    statement:
      "The login, workflow, approval and policy calls of the console are answered as the real server did.",
    source: "recordings of the Aureus console server",
  },
} as const satisfies Requirements;
