/** CAP's conformance kit, from the side of the SDK under test: the adapter in the role of a worker. */
export type { TckAdapterOptions, TckSummary } from "./adapter.js";
export { runTckAdapter } from "./adapter.js";
export type { Case } from "./cases.js";
export { TCK_CASES } from "./cases.js";
export { MAX_LINE_BYTES } from "./lines.js";
export type { AdapterHandshake, CaseResult, CaseStatus, RunnerMessage } from "./messages.js";
export type { Verdict } from "./verdict.js";
