/** Results of tasks that were done, so that a task that comes again is answered and not done again. */
import type { TaskPayload } from "../../gen/neuron/index.js";
import { Lru } from "../core/lru.js";

/** A bounded memory of finished tasks, by capability and task id. Only successes are kept. */
export class FinishedTasks {
  readonly #results: Lru<string, { readonly output: unknown }>;

  /** `capacity`: results kept; the least recently used one goes first. */
  constructor(capacity: number) {
    this.#results = new Lru(capacity);
  }

  remember(task: TaskPayload, output: unknown): void {
    this.#results.set(key(task), { output });
  }

  find(task: TaskPayload): { readonly output: unknown } | undefined {
    return this.#results.get(key(task));
  }
}

function key({ capability, workflowId, taskId }: TaskPayload): string {
  return JSON.stringify([capability, workflowId, taskId]);
}
