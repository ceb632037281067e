/** Tasks that wait for each other. */
import { ownValue } from "./workflow-order.js";

/** The ids that each task depends on. */
export type Dependencies = Readonly<Record<string, readonly string[]>>;

/** Every cycle that a walk over the dependencies meets, each as the ids along it. */
export function cycles(dependencies: Dependencies): string[][] {
  const found: string[][] = [];
  const state = new Map<string, "open" | "closed">();
  for (const start of Object.keys(dependencies)) {
    if (state.has(start)) continue;
    const path = [{ id: start, next: 0 }];
    state.set(start, "open");
    for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
      const dependency = ownValue(dependencies, top.id)?.[top.next++];
      if (dependency === undefined) {
        state.set(top.id, "closed");
        path.pop();
      } else if (state.get(dependency) === "open") {
        const ids = path.map(({ id }) => id);
        found.push(ids.slice(ids.indexOf(dependency)));
      } else if (!state.has(dependency)) {
        state.set(dependency, "open");
        path.push({ id: dependency, next: 0 });
      }
    }
  }
  return found;
}
