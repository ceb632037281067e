import type { Requirements } from "./types.ts";

export const neuron = {} as const satisfies Requirements;
