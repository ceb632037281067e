/** Local servers that need Node. For tests, demos and local development on one machine. */
export type { KernelAnswer, ListenOptions, LocalSafetyKernelOptions } from "./safety-kernel.js";
export { LocalSafetyKernel } from "./safety-kernel.js";
