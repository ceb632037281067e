/** The keys under which Cordum and the official SDKs keep what belongs to a job. */

/** Where the input of a job is. */
export function contextKey(jobId: string): string {
  return `ctx:${jobId}`;
}

/** Where the output of a job is. */
export function resultKey(jobId: string): string {
  return `res:${jobId}`;
}

/** Where an artifact is. */
export function artifactKey(id: string): string {
  return `art:${id}`;
}
