/** Which validator an identifier stands for on the local server. */
import type { Commit, ValidationResult } from "../../../gen/aureus/v1/index.js";
import type { Validator } from "../../aureus/engine/index.js";
import {
  maxSize,
  monotonic,
  notNull,
  statisticalBounds,
  temporalMonotonic,
} from "../../aureus/engine/index.js";

type Parameters = Readonly<Record<string, unknown>>;

/** A validator of {@link LocalAureus}. `parameters` are those with which a client registered it, or empty. */
export type LocalValidator = (
  commit: Commit,
  parameters: Parameters,
) => ValidationResult | Promise<ValidationResult>;

/** V1 leaves the meaning of identifiers to the server. These are known from the start, also as a `type`. */
const BUILT_IN: Readonly<Record<string, LocalValidator>> = {
  not_null: notNull(),
  monotonic: monotonic(),
  temporal_monotonic: temporalMonotonic(),
  max_size: (commit, { max_bytes }) => maxSize(Number(max_bytes))(commit),
  statistical_bounds: (commit, { field, ...bounds }) => statisticalBounds(String(field), bounds)(commit),
};

/** The validators of one server. */
export class ValidatorRegistry {
  readonly #functions: ReadonlyMap<string, LocalValidator>;
  readonly #registered = new Map<string, Validator | undefined>();

  constructor(validators: Readonly<Record<string, LocalValidator>> = {}) {
    this.#functions = new Map(Object.entries({ ...BUILT_IN, ...validators }));
  }

  /**
   * Registers a validator: `type: "custom"` with the name of a known one as `validation_logic`, or a known name as
   * `type`. Anything else is registered too, because V1 does not restrict it, but a gate that names it is refused.
   */
  register(id: string, { type, validation_logic, parameters = {} }: Parameters): void {
    const known = this.#functions.get(String(type === "custom" ? validation_logic : type));
    this.#registered.set(id, known && ((commit) => known(commit, parameters as Parameters)));
  }

  /** Validators by identifier, or the identifiers that are unknown. */
  find(ids: readonly string[]): { readonly validators: Validator[]; readonly unknown: string[] } {
    const find = (id: string): Validator | undefined => {
      if (this.#registered.has(id)) return this.#registered.get(id);
      const known = this.#functions.get(id);
      return known && ((commit) => known(commit, {}));
    };
    const unknown = ids.filter((id) => find(id) === undefined);
    return { validators: ids.flatMap((id) => find(id) ?? []), unknown };
  }
}
