/** How a rule counts. */
export type Severity = "error" | "warn" | "off";

/** Rules by name: ours, and those of redocly for `check`. */
export type Rules = Readonly<Record<string, Severity>>;

/** A set of rules by name. */
export type RuleSet = "public" | "house";

/** Our own rules. The values are those of the sets. */
const OWN = {
  /** Every `x-` key is one of ours. */
  "known-extensions": { public: "off", house: "error" },
  /** Our extensions have values that mean something. */
  "extension-values": { public: "warn", house: "error" },
  /** Every operation has an operationId that is an identifier. */
  "operation-id": { public: "off", house: "error" },
  /** Every operation says `x-idempotent`. */
  "x-idempotent-required": { public: "off", house: "error" },
  /** With camelCase: user data says `x-opaque`, a map `x-data-keys`. */
  "explicit-shapes": { public: "off", house: "error" },
  /** The document has the structure of OpenAPI 3.1. */
  structure: { public: "warn", house: "error" },
  /** The recommended rules of redocly hold. */
  recommended: { public: "off", house: "error" },
  /** `buf lint` and `buf format` find nothing. */
  "proto-style": { public: "warn", house: "error" },
} as const satisfies Record<string, Readonly<Record<RuleSet, Severity>>>;

/** The name of one of our rules. */
export type OwnRule = keyof typeof OWN;

/** The rules of one spec. */
export class RuleBook {
  readonly #set: RuleSet;
  readonly #changes: Rules;

  constructor(rules: RuleSet | Rules = "public") {
    this.#set = rules === "house" ? "house" : "public";
    this.#changes = typeof rules === "string" ? {} : rules;
  }

  /** What one of our rules counts for. */
  of(rule: OwnRule): Severity {
    return this.#changes[rule] ?? OWN[rule][this.#set];
  }

  /** Rule and severity of a finding; undefined if the rule is off. */
  mark(rule: OwnRule): { readonly rule: string; readonly severity: "error" | "warning" } | undefined {
    const severity = this.of(rule);
    return severity === "off" ? undefined : { rule, severity: severity === "warn" ? "warning" : "error" };
  }

  /** Rules that are not ours, for the linter. */
  get linter(): Rules {
    return Object.fromEntries(Object.entries(this.#changes).filter(([name]) => !(name in OWN)));
  }
}
