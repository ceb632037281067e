/** The validators that every engine has, part three: fields that must fit each other, and time that must not go back. */
import { errorText } from "../../core/errors.js";
import { fail, pass, type Validator } from "./validation.js";

/** A rule between fields. */
export interface ConsistencyRule {
  readonly name: string;
  /** The fields it needs; all must be present. */
  readonly fields: readonly string[];
  /** True when the fields fit each other. */
  readonly predicate: (values: Readonly<Record<string, unknown>>) => boolean;
  /** The reason of a failure. Default: one that names the rule. */
  readonly message?: string;
}

/**
 * Every rule must hold: else CONFLICT, as for data that is not an object. A field that any rule needs and that is
 * absent is MISSING_DATA. A rule that throws is TOOL_ERROR with confidence 0.5. The first failure decides.
 */
export function crossFieldConsistency(rules: readonly ConsistencyRule[]): Validator {
  return ({ data }) => {
    if (typeof data !== "object" || data === null) return fail("CONFLICT", "Data is not an object");
    const needed = [...new Set(rules.flatMap((rule) => rule.fields))];
    const fields = data as Record<string, unknown>;
    const missingFields = needed.filter((field) => !(field in fields));
    if (missingFields.length > 0) {
      return fail("MISSING_DATA", `Fields are missing: ${missingFields.join(", ")}`, { missingFields });
    }
    for (const rule of rules) {
      const values = Object.fromEntries(rule.fields.map((field) => [field, fields[field]]));
      const facts = { rule: rule.name, fields: rule.fields };
      try {
        if (rule.predicate(values)) continue;
      } catch (error) {
        const reason = `Rule '${rule.name}' threw: ${errorText(error)}`;
        return fail(
          "TOOL_ERROR",
          reason,
          { ...facts, error: error instanceof Error ? String(error) : errorText(error) },
          0.5,
        );
      }
      return fail("CONFLICT", rule.message || `Rule '${rule.name}' does not hold`, { ...facts, values });
    }
    return pass(`${rules.length} rules hold`, 1, { rulesChecked: rules.length });
  };
}

/**
 * Options of {@link temporalMonotonic}. Defaults apply to options that are absent: one that is given as undefined,
 * null or "" counts as it is, as in the engine.
 */
export interface TemporalOptions {
  /**
   * Default: `timestamp`. The field may hold an ISO text, a number of milliseconds or a Date. An empty name switches
   * the check off.
   */
  readonly timestampField?: string | null | undefined;
  /** Default: `version`. Counts only where both states hold a number. An empty name switches the check off. */
  readonly versionField?: string | null | undefined;
  /** True lets both stay the same. Default: false. */
  readonly allowEqual?: boolean | null | undefined;
  /** How far the timestamp may move ahead, in milliseconds; null counts as 0. Default: any distance. */
  readonly maxTimeDrift?: number | null | undefined;
}

/**
 * Version and timestamp must move ahead of the previous state: else CONFLICT. A timestamp that moves ahead by more
 * than `maxTimeDrift` is NON_DETERMINISM with confidence 0.8, whatever else is wrong. Success has confidence 0.95,
 * or 1 without a previous state. Fields that are absent or cannot be read do not count. A previous state that is
 * neither empty nor an object makes it throw, as it does in the engine.
 */
export function temporalMonotonic(options?: TemporalOptions | null): Validator {
  const { timestampField, versionField, allowEqual, maxTimeDrift }: TemporalOptions = {
    timestampField: "timestamp",
    versionField: "version",
    ...options,
  };
  const wentBack = (before: number, after: number): boolean =>
    after < before || (!allowEqual && after === before);
  return ({ data, previousState }) => {
    if (!previousState) return pass("There is no previous state", 1, { isFirstCommit: true });
    if (typeof data !== "object" || data === null) return fail("CONFLICT", "Data is not an object");
    const before = previousState as Record<string, unknown>;
    const after = data as Record<string, unknown>;
    const facts: Record<string, unknown> = {};
    const wrong: string[] = [];
    const [oldVersion, newVersion] = valuesOf(versionField, before, after);
    if (typeof oldVersion === "number" && typeof newVersion === "number") {
      Object.assign(facts, { prevVersion: oldVersion, currVersion: newVersion });
      if (wentBack(oldVersion, newVersion)) wrong.push(`${versionField} ${oldVersion} -> ${newVersion}`);
    }
    const [oldTime, newTime] = valuesOf(timestampField, before, after).map(millis);
    if (oldTime !== undefined && newTime !== undefined) {
      const drift = newTime - oldTime;
      Object.assign(facts, { prevTimestamp: oldTime, currTimestamp: newTime, timeDiff: drift });
      if (wentBack(oldTime, newTime)) wrong.push(`${timestampField} ${oldTime} -> ${newTime}`);
      if (maxTimeDrift !== undefined && drift > 0 && drift > (maxTimeDrift ?? 0)) {
        const reason = `The time moved by ${drift} ms, at most ${maxTimeDrift ?? 0} ms are allowed`;
        return fail("NON_DETERMINISM", reason, { ...facts, drift, maxTimeDrift }, 0.8);
      }
    }
    if (wrong.length > 0)
      return fail("CONFLICT", `Not ahead of the previous state: ${wrong.join("; ")}`, facts);
    return pass("Ahead of the previous state", 0.95, facts);
  };
}

/** The values of a field that both states have. */
function valuesOf(
  field: string | null | undefined,
  before: Readonly<Record<string, unknown>>,
  after: Readonly<Record<string, unknown>>,
): readonly unknown[] {
  return field && field in before && field in after ? [before[field], after[field]] : [];
}

function millis(value: unknown): number | undefined {
  const time =
    value instanceof Date
      ? value.getTime()
      : typeof value === "string"
        ? Date.parse(value)
        : typeof value === "number"
          ? value
          : Number.NaN;
  return Number.isFinite(time) ? time : undefined;
}
