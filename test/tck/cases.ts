/** The cases of the role worker. */
import { cancellationCases, lifecycleCases } from "./lifecycle-cases.ts";
import { malformedCases } from "./malformed-cases.ts";
import type { Verdict } from "./verdict.ts";

/** Performs a case. What it throws makes the case an ERROR. */
export type Case = () => Promise<Verdict>;

/** Every case of the role worker, by its id. */
export const TCK_CASES: Readonly<Record<string, Case>> = {
  ...lifecycleCases,
  ...cancellationCases,
  ...malformedCases,
};
