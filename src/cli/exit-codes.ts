/** What the exit codes of every command mean. */

/** All exit codes. */
export const EXIT = {
  /** Success. */
  ok: 0,
  /** A signature does not verify, a job or a check failed. */
  no: 1,
  /** Invalid command line. */
  usage: 2,
  /** A server cannot be reached or refuses the credentials. */
  unreachable: 3,
  /** Interrupted by Ctrl-C. */
  interrupted: 130,
} as const;

/** The table as every `--help` shows it. */
export const EXIT_TABLE: readonly (readonly [code: number, meaning: string])[] = [
  [EXIT.ok, "success"],
  [EXIT.no, "failure: not verified, job not SUCCEEDED, a check failed"],
  [EXIT.usage, "invalid command line"],
  [EXIT.unreachable, "a server cannot be reached or refuses the credentials"],
  [EXIT.interrupted, "interrupted"],
];
