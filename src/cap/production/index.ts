/**
 * CAP-PRODUCTION: packets signed for one subject, tenant and message, verified on their exact bytes, admitted once. An
 * `Agent` does all of this with the option `production`; here are the steps for those who build schedulers and tools.
 */
export type { ReplayVerdict } from "../replay-memory.js";
export type { ProductionProblem } from "./error.js";
export { takeApart } from "./exact-bytes.js";
export type { ProductionAuthority } from "./identity.js";
export { bindAuthority, checkIdentity, freezeAuthority } from "./identity.js";
export type { ProductionOptions } from "./profile.js";
export type { ReplayEntry, ReplayStore } from "./replay-store.js";
export { MemoryReplayStore } from "./replay-store.js";
export type { PutResourceOptions, ResourceResolver } from "./resource.js";
export { blobResolver, checkResourceRef, Resources } from "./resource.js";
export type { ProductionPacket, ProductionSealOptions, ProductionTrust } from "./signature.js";
export { openProduction, sealProduction } from "./signature.js";
