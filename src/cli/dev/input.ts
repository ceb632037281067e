/** What an input may look like, by its schema. */
import { sampleOf } from "../../4runr/sample.js";

type Schema = Parameters<typeof sampleOf>[0] & { readonly title?: string };

/** Samples of an input. */
export interface InputSamples {
  readonly sample: unknown;
  /** One for each form of an `anyOf` or `oneOf`. Absent without one. */
  readonly variants?: readonly { readonly label: string; readonly sample: unknown }[];
}

/** Samples by a JSON Schema, whose outermost `oneOf` or `anyOf` may name several forms. */
export function samplesOf(schema: object): InputSamples {
  const { oneOf, anyOf, ...rest } = schema as Schema;
  const sample = sampleOf(schema as Schema);
  const forms: readonly Schema[] = oneOf ?? anyOf ?? [];
  if (forms.length < 2) return { sample };
  const variants = forms.map((form, at) => ({
    label: form.title ?? `Form ${at + 1}`,
    sample: sampleOf({ ...rest, ...form }),
  }));
  return { sample, variants };
}
