/** CAP's blob store in a folder, and public keys from a folder. For Node. */
export { loadKeyRing } from "./keys.js";
export type { FileBlobStoreOptions } from "./store.js";
export { FileBlobStore } from "./store.js";
