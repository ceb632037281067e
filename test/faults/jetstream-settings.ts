/** What the processes of the fault run agree on. */
export const TOPIC = "job.faults";
/** A list of job ids, one for each run of the handler. */
export const RUNS_KEY = "test:runs";
export const PARALLEL = 16;
/** Short, so that a job of a killed worker comes again soon. */
export const ACK_WAIT_MS = 3_000;
