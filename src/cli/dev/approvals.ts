/** What waits for a person: jobs that the policy holds, and tasks of workflows that need an approval. */
import { AureusConsoleClient } from "../../aureus/index.js";
import { NotFoundError } from "../../core/errors.js";
import { isObject } from "../../core/json.js";
import type { CapPart } from "./cap-side.js";
import type { AureusPart } from "./http-sides.js";

/** Something that waits. */
export interface Approval {
  readonly protocol: "cap" | "aureus";
  /** Of a task: the ids of workflow and task. */
  readonly id: string;
  readonly name: string;
  readonly reason: string;
  readonly who: string;
}

/** The approvals of a stack. */
export class Approvals {
  readonly #cap: CapPart;
  readonly #aureus: AureusPart;
  readonly #jobs = new Map<string, Approval>();
  readonly #decided = new Set<string>();

  constructor(cap: CapPart, aureus: AureusPart) {
    this.#cap = cap;
    this.#aureus = aureus;
    const { scheduler } = cap.live ?? {};
    scheduler?.on("approval", ({ jobId: id, topic: name, reason = "", request }) => {
      const who = request.principalId || request.tenantId || "unknown";
      this.#jobs.set(id, { protocol: "cap", id, name, reason, who });
    });
    for (const event of ["dispatched", "finished"] as const) {
      scheduler?.on(event, ({ jobId }) => void this.#jobs.delete(jobId));
    }
  }

  /** What waits now. */
  list(): Approval[] {
    return [
      ...this.#jobs.values(),
      ...this.#tasks().map(({ approvalToken: _, taskId: __, ...task }) => task),
    ];
  }

  /** Approves or denies. Rejects with a `NotFoundError` for what does not wait. */
  async decide(protocol: string, id: string, approve: boolean): Promise<unknown> {
    if (protocol === "cap") {
      const { scheduler } = this.#cap.live ?? {};
      if (scheduler === undefined) throw new NotFoundError("CAP is off");
      await (approve ? scheduler.approve(id) : scheduler.reject(id));
      return { job: id, approved: approve };
    }
    const task = this.#tasks().find((one) => one.id === id);
    if (task === undefined) throw new NotFoundError(`nothing waits for approval as ${JSON.stringify(id)}`);
    const { name: workflow, taskId, approvalToken } = task;
    const credentials = { username: "operator", password: "operator123" };
    const console = new AureusConsoleClient({ baseUrl: this.#aureus.env.AUREUS_URL, credentials });
    try {
      if (approve) await console.approve(workflow, { taskId, approvalToken });
      else await console.deny(workflow, { taskId, approvalToken, reason: "denied in the inspector" });
    } finally {
      await console.close();
    }
    this.#decided.add(id);
    return { task: taskId, approved: approve };
  }

  #tasks(): (Approval & { readonly taskId: string; readonly approvalToken: string })[] {
    const found = this.#aureus.engine.workflows().flatMap(({ workflowId, events }) =>
      events.flatMap(({ taskId = "", metadata }) => {
        const decision = metadata?.policyDecision;
        if (!isObject(decision) || decision.requiresHumanApproval !== true) return [];
        const { approvalToken, reason } = decision;
        if (typeof approvalToken !== "string") return [];
        const id = `${workflowId}/${taskId}`;
        return [
          {
            protocol: "aureus" as const,
            id,
            name: workflowId,
            reason: String(reason),
            who: taskId,
            taskId,
            approvalToken,
          },
        ];
      }),
    );
    return found.filter(({ id }) => !this.#decided.has(id)).slice(-50);
  }
}
