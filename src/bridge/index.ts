/** Handlers across the protocols: tools and gates inside them, and what was made for one worker protocol on the other. */
export { type TopicHandlerOptions, topicHandler } from "./cap-on-neuron.js";
export {
  type Equipment,
  type Equipped,
  type EquippedContext,
  type EquippedInit,
  equip,
} from "./equip.js";
export { type ForwardOptions, forwardToCap } from "./forward.js";
export {
  type AureusGateOptions,
  aureusGate,
  type Gate,
  type GateSource,
  type LocalGateOptions,
  localGate,
} from "./gate.js";
export { capabilityHandler, topicOf } from "./neuron-on-cap.js";
export type { ToolOptions, Tools } from "./tools.js";
