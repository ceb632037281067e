/** The oldest Node that the package runs on, as in `engines` of its package.json. */
export const SUPPORTED_NODE = [20, 19] as const;
