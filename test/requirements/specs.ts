import type { Requirements } from "./types.ts";

export const specs = {
  "specs.keys.convert": {
    statement:
      "Members the spec names are renamed at any depth; user data, map keys and unknown members are not.",
    source: "README, casing of the HTTP wires",
  },
  "specs.keys.proto": {
    statement: "A member called __proto__ is data: it is kept and changes no prototype.",
    source: "README, casing of the HTTP wires",
  },
  "specs.keys.roundtrip": {
    statement: "Converting a value from the wire and back gives the same value, whatever it holds.",
    source: "README, casing of the HTTP wires",
  },
  "specs.gen.header": {
    statement: "Every generated file says that it is generated, by which command and from which spec.",
    source: "CONTRIBUTING, generated code",
  },
  "specs.gen.check": {
    statement: "gen:check names every file of gen/ that is missing, stale or orphaned.",
    source: "README, commands",
  },
  "specs.gen.atomic": {
    statement: "gen/ is replaced as a whole or not at all; a wrong spec is named with file, line and column.",
    source: "README, commands",
  },
  "specs.gen.plugin": {
    statement: "Without a generator plugin gen says which one is missing and changes nothing.",
    source: "README, commands",
  },
  "specs.gen.idempotent": {
    statement: "Every operation says whether it may be repeated; one that does not is an error naming it.",
    source: "CONTRIBUTING, spec extensions",
  },
  "specs.gen.operations": {
    statement:
      "The table of operations holds method, path, retry rule, bodies, errors and shapes of each operation id.",
    source: "CONTRIBUTING, spec extensions",
  },
  "specs.gen.tools": {
    statement: "x-tool-actions becomes types and a table with the retry rule of each action.",
    source: "CONTRIBUTING, spec extensions",
  },
  "specs.gen.schemas": {
    statement: "The JSON Schemas of components and bodies are data that judge values as the types do.",
    source: "CONTRIBUTING, generated code",
  },
  "specs.gen.keys": {
    statement:
      "The key map of a snake_case spec renames what the spec names; x-opaque and x-data-keys are kept.",
    source: "CONTRIBUTING, spec extensions",
  },
  "specs.gen.types": {
    statement: "The generated types accept right uses of each extension point and refuse wrong ones.",
    source: "CONTRIBUTING, generated code",
  },
  "specs.gen.client": {
    statement:
      "Each method of the generated client hands its operation, path, options and body to the pipeline.",
    source: "CONTRIBUTING, generated code",
  },
  "specs.gen.signatures": {
    statement: "A wrong argument of a generated method, and a wrong use of its result, is a compile error.",
    source: "CONTRIBUTING, generated code",
  },
  "specs.gen.proof": {
    statement:
      "A camelCase model that differs from the document in a member or in its type does not compile.",
    source: "CONTRIBUTING, generated code",
  },
  "specs.gen.breaks": {
    statement:
      "A member that is renamed or removed in a spec is a compile error in the runtime that uses it.",
    source: "CONTRIBUTING, generated code",
  },
  "specs.gen.merge": {
    statement:
      "Variants of oneOf and anyOf and parts of allOf become one object in the key map; conflicts are errors.",
    source: "CONTRIBUTING, spec extensions",
  },
  "specs.cap.subjects": {
    statement:
      "Subjects, payload kinds and queue groups are those that the deployed schedulers and SDKs use.",
    source: "CAP spec 05; cap-sdk-python 2.17.0; Cordum scheduler",
  },
  "specs.breaking.own": {
    statement:
      "Breaks that a comparison of keys alone calls harmless, such as a new required field, are found.",
    source: "CONTRIBUTING, changing a spec",
  },
  "specs.breaking.named": {
    statement: "A removed response field fails specs:check, which names the spec, the place and the field.",
    source: "README, commands",
  },
  "specs.breaking.accepted": {
    statement:
      "A break passes only when it is listed with a reason; an entry that is not a break any more fails.",
    source: "CONTRIBUTING, changing a spec",
  },
  "specs.breaking.proto": {
    statement: "A field number that changed fails specs:check, which names file and field.",
    source: "README, commands",
  },
  "specs.lint.redocly": {
    statement: "Every finding of the recommended rules fails specs:check, whatever its severity.",
    source: "CONTRIBUTING, changing a spec",
  },
  "specs.recordings.fit": {
    statement:
      "Every recorded body and frame fits the spec of its wire, and none fits without a required member.",
    source: "recordings of holokai-neuron-sdk 0.2.0",
  },
  "specs.recordings.differences": {
    statement:
      "A recording that does not fit must be an expected difference; a listed one that fits is stale.",
    source: "CONTRIBUTING, expected differences",
  },
} as const satisfies Requirements;
