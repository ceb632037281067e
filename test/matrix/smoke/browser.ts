/** A page: its host calls `runParts` with the addresses of the local servers. */
export { runParts } from "./parts.js";
