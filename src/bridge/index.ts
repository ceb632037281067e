/** Handlers across the protocols: tools and gates inside them, and what was made for one worker protocol on the other. */
export { topicHandler } from "./cap-on-neuron.js";
export { type Equipped, equip } from "./equip.js";
export { type ForwardOptions, forwardToCap } from "./forward.js";
export { type AureusGateOptions, aureusGate, type Gate, type GateSource, localGate } from "./gate.js";
export { capabilityHandler, topicOf } from "./neuron-on-cap.js";
export type { Tools } from "./tools.js";
