/** In which order the engine runs tasks. */
import type { WorkflowSpec } from "../../../gen/aureus/v1/models.js";

/**
 * The ids of all tasks, each after those it depends on; otherwise in the order of `tasks`. One runs after the
 * other, those of type `parallel` too. A cycle is cut where it is met and an unknown id is left out, both without
 * a word: `lintWorkflow` finds them.
 */
export function executionOrder(workflow: WorkflowSpec): string[] {
  const known = new Set(workflow.tasks.map(({ id }) => id));
  const visited = new Set<string>();
  const order: string[] = [];
  // A stack of our own: a chain of dependencies may be longer than the call stack is deep.
  for (const { id } of workflow.tasks) {
    const stack = [{ id, next: 0 }];
    if (visited.has(id)) continue;
    visited.add(id);
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      const dependsOn = ownValue(workflow.dependencies, top.id) ?? [];
      const dependency = dependsOn[top.next++];
      if (dependency === undefined) {
        stack.pop();
        if (known.has(top.id)) order.push(top.id);
      } else if (!visited.has(dependency)) {
        visited.add(dependency);
        stack.push({ id: dependency, next: 0 });
      }
    }
  }
  return order;
}

/** What a map holds under an id; an id may be called `constructor`. */
export function ownValue<T>(map: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(map, key) ? map[key] : undefined;
}
