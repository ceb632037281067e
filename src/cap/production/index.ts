/**
 * CAP-PRODUCTION: packets signed for one subject, tenant and message, verified on their exact bytes, admitted once. An
 * `Agent` does all of this with the option `production`; here are the steps for those who build schedulers and tools.
 */

export { bindAuthority, checkIdentity } from "./identity.js";
export type { ReplayStore } from "./replay-store.js";
export { MemoryReplayStore } from "./replay-store.js";
export { Resources } from "./resource.js";
export { openProduction, sealProduction } from "./signature.js";
