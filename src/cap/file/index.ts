/** CAP's blob store in a folder. For Node. */
export type { FileBlobStoreOptions } from "./store.js";
export { FileBlobStore } from "./store.js";
