/** Connects the protocols: tools and gates inside handlers, and handlers of one worker protocol served on the other. */
export { topicHandler } from "./cap-on-neuron.js";
export { type Equipped, equip } from "./equip.js";
export { type ForwardOptions, forwardToCap } from "./forward.js";
export { type AureusGateOptions, aureusGate, type Gate, type GateSource, localGate } from "./gate.js";
export { capabilityHandler, topicOf } from "./neuron-on-cap.js";
export type { Tools } from "./tools.js";
