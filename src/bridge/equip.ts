/** Handlers with tools and gates at hand. */
import type { GatewayClient } from "../4runr/index.js";
import { type Clock, systemClock } from "../core/clock.js";
import type { InputOf, OutputOf, Schema } from "../core/validate.js";
import {
  defineHandler,
  type Handler,
  type HandlerContext,
  type HandlerDefinition,
  type HandlerInit,
} from "../handler/index.js";
import { type Gate, type GateSource, gateFor } from "./gate.js";
import { type Tools, toolsFor } from "./tools.js";

/** What handlers are equipped with. */
export interface Equipment {
  /** Gives `ctx.tools`. */
  readonly tools?: Pick<GatewayClient, "proxy"> | undefined;
  /** Gives `ctx.gate`: `aureusGate(…)` or `localGate(…)`. */
  readonly gate?: GateSource | undefined;
  /** Default: the clock of the platform. */
  readonly clock?: Clock | undefined;
}

/** The context of an equipped handler: `tools` and `gate` are there if they were given. */
export type EquippedContext<Kit extends Equipment> = HandlerContext & {
  readonly tools: Kit["tools"] extends object ? Tools : undefined;
  readonly gate: Kit["gate"] extends object ? Gate : undefined;
};

/** What {@link Equipped.defineHandler} takes: as `defineHandler`, with more in the context. */
export interface EquippedInit<
  Kit extends Equipment,
  In extends Schema | undefined,
  Out extends Schema | undefined,
> extends Omit<HandlerInit<In, Out>, "run"> {
  /** The work. */
  readonly run: Handler<InputOf<In>, OutputOf<Out>, EquippedContext<Kit>>;
}

/** Defines handlers that have the same equipment. */
export interface Equipped<Kit extends Equipment> {
  /** As `defineHandler` of `agentwire/handler`; what it gives is served on either protocol. */
  defineHandler<
    const In extends Schema | undefined = undefined,
    const Out extends Schema | undefined = undefined,
  >(init: EquippedInit<Kit, In, Out>): HandlerDefinition;
}

/**
 * Equips handlers: inside them `ctx.tools` calls tools through a 4Runr gateway and `ctx.gate` asks Aureus, both
 * under the signal, the deadline and the correlation id of the job or lease. The clients stay the caller's.
 */
export function equip<const Kit extends Equipment>(kit: Kit): Equipped<Kit> {
  const { tools, gate, clock = systemClock } = kit;
  return {
    defineHandler: ({ run, ...init }) =>
      defineHandler({
        ...init,
        run: (input: unknown, ctx: HandlerContext) => run(input as never, equippedContext(ctx)),
      } as HandlerInit<undefined, undefined>),
  };

  function equippedContext(ctx: HandlerContext): EquippedContext<Kit> {
    // The protocol's own context stays underneath: it has getters, and members of its own.
    const made: HandlerContext = Object.create(ctx, {
      tools: { value: tools && toolsFor(tools, ctx, clock), enumerable: true },
      gate: { value: gate && gateFor(gate, ctx, clock), enumerable: true },
    });
    return made as EquippedContext<Kit>;
  }
}
