/** What the exit codes of every command mean. */

/** All exit codes. */
export const EXIT = {
  /** Done, and what was asked for holds. */
  ok: 0,
  /** It was done and did not come out so: a signature that does not verify, a job that failed, a failed check. */
  no: 1,
  /** The command line cannot be understood. */
  usage: 2,
  /** A server could not be reached, or did not let us in. */
  unreachable: 3,
  /** Interrupted by Ctrl-C before the end. */
  interrupted: 130,
} as const;

/** The table as every `--help` shows it. */
export const EXIT_TABLE: readonly (readonly [code: number, meaning: string])[] = [
  [EXIT.ok, "done; what was asked for holds"],
  [EXIT.no, "what was asked for failed or does not hold: not verified, job not done, a check failed"],
  [EXIT.usage, "the command line is wrong"],
  [EXIT.unreachable, "a server cannot be reached, or does not let us in"],
  [EXIT.interrupted, "interrupted before the end"],
];
