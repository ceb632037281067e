/** Where our verdict on a case of test/vectors/neuron/schema_cases.json knowingly differs from the recorded one. */
export interface SchemaDifference {
  readonly ours: "valid" | "invalid" | "invalid-schema" | "unresolvable-ref";
  readonly theirs: "valid" | "invalid" | "invalid-schema" | "validator-raises";
  readonly reason: string;
}

/** By case id, for a validator that resolves references late, as the recorded one does. */
export const schemaDifferences: Readonly<Record<number, SchemaDifference>> = {
  118: {
    ours: "invalid",
    theirs: "valid",
    reason:
      "Python's $ also matches before a final line feed; the regular expressions of JSON Schema are ECMA-262's",
  },
  125: {
    ours: "valid",
    theirs: "invalid-schema",
    reason: "Python's re does not know \\p{L}; ECMA-262 does",
  },
  202: {
    ours: "valid",
    theirs: "invalid",
    reason: "draft-04 tells 1.0 from 1 by its text; in JavaScript both are read as the same number",
  },
};

/** One more when references are resolved at compile time, the default. */
export const earlyRefDifferences: Readonly<Record<number, SchemaDifference>> = {
  190: {
    ours: "unresolvable-ref",
    theirs: "valid",
    reason: "the author hears of a $ref that leads nowhere before a value gets there",
  },
};
