/** The cases of the role worker. */
import { cancellationCases, lifecycleCases } from "./lifecycle-cases.js";
import { malformedCases } from "./malformed-cases.js";
import type { Verdict } from "./verdict.js";

/** Performs a case. What it throws makes the case an ERROR. */
export type Case = () => Promise<Verdict>;

/** Every case of the role worker, by its id. */
export const TCK_CASES: Readonly<Record<string, Case>> = {
  ...lifecycleCases,
  ...cancellationCases,
  ...malformedCases,
};
