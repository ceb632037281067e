/** What the parts of one neuron share. */
import type { Capability } from "../../gen/neuron/index.js";
import type { Clock } from "../core/clock.js";
import type { IterableEmitter } from "../core/iterable-emitter.js";
import type { Logger } from "../core/logger.js";
import type { NeuronCommonOptions, NeuronEvents } from "./neuron-options.js";
import type { Transport } from "./transport.js";

/** Made once, by the constructor of a neuron. */
export interface NeuronCore {
  readonly neuronId: string;
  readonly options: NeuronCommonOptions;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly random: () => number;
  readonly logger: Logger;
  readonly events: IterableEmitter<NeuronEvents>;
  /** What is advertised, by type. */
  readonly capabilities: Map<string, Capability>;
  /** Ends all waits of answers: the neuron was stopped and its time is over. */
  readonly answersEnd: AbortSignal;
}
