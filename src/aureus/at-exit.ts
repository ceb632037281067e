/** What has to be done when the process ends. */

const tasks = new Set<() => void>();

function runAll(): void {
  for (const task of tasks) task();
}

/**
 * Calls `task` when the process exits, unless the returned function is called before. Node only; elsewhere it does
 * nothing. All tasks share one listener, which is there only while a task is, and keeps no process alive.
 */
export function atExit(task: () => void): () => void {
  const host = globalThis.process as NodeJS.Process | undefined;
  if (typeof host?.on !== "function") return () => {};
  if (tasks.size === 0) host.on("exit", runAll);
  tasks.add(task);
  return () => {
    if (tasks.delete(task) && tasks.size === 0) host.off("exit", runAll);
  };
}
