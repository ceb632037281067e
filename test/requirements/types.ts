/** One statement, in our words, and where it comes from. */
export interface Requirement {
  readonly statement: string;
  readonly source: string;
}

export type Requirements = Readonly<Record<string, Requirement>>;
