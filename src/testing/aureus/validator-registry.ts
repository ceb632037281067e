/** Which validator an identifier stands for on the local server. */
import type { Validator } from "../../aureus/engine/index.js";
import {
  maxSize,
  monotonic,
  notNull,
  statisticalBounds,
  temporalMonotonic,
} from "../../aureus/engine/index.js";

/** Makes a validator from the `parameters` of its configuration. */
export type ValidatorLogic = (parameters: Readonly<Record<string, unknown>>) => Validator;

/** V1 leaves the meaning of identifiers to the server. Here these are known from the start. */
const BUILT_IN: Readonly<Record<string, Validator>> = {
  not_null: notNull(),
  monotonic: monotonic(),
  temporal_monotonic: temporalMonotonic(),
};

/** Kinds of configuration that need no code of yours. */
const KINDS: Readonly<Record<string, ValidatorLogic>> = {
  not_null: () => notNull(),
  monotonic: () => monotonic(),
  max_size: ({ max_bytes }) => maxSize(Number(max_bytes)),
  statistical_bounds: ({ field, ...bounds }) => statisticalBounds(String(field), bounds),
  temporal_monotonic: () => temporalMonotonic(),
};

/** The validators of one server. */
export class ValidatorRegistry {
  readonly #known: Map<string, Validator>;
  readonly #logic: Readonly<Record<string, ValidatorLogic>>;

  constructor(
    validators: Readonly<Record<string, Validator>> = {},
    logic: Readonly<Record<string, ValidatorLogic>> = {},
  ) {
    this.#known = new Map(Object.entries({ ...BUILT_IN, ...validators }));
    this.#logic = logic;
  }

  /**
   * Takes a validator over the wire: `type: custom` with the name of a logic that this server was given, or one of
   * the kinds above. Anything else is registered too, as V1 says no more about it, but means nothing here: a gate
   * that names it is refused.
   */
  register(id: string, config: Readonly<Record<string, unknown>>): void {
    const { type, validation_logic, parameters } = config;
    const name = String(type === "custom" ? validation_logic : type);
    const table = type === "custom" ? this.#logic : KINDS;
    const make = Object.hasOwn(table, name) ? table[name] : undefined;
    if (make === undefined) this.#known.delete(id);
    else this.#known.set(id, make((parameters ?? {}) as Record<string, unknown>));
  }

  /** Validators by identifier, or the identifiers that mean nothing. */
  find(ids: readonly string[]): { readonly validators: Validator[]; readonly unknown: string[] } {
    const unknown = ids.filter((id) => !this.#known.has(id));
    return { validators: ids.flatMap((id) => this.#known.get(id) ?? []), unknown };
  }
}
