/** Shows an observer all traffic of a local server. */
import type { Clock } from "../../core/clock.js";
import { type Logger, safeLogger } from "../../core/logger.js";

/** Something that went over a local server. Headers and bodies are as sent, secrets included. */
export type Observation = {
  /** Numbers the exchanges of one server from 1. A request, its response and the events of its stream share it. */
  readonly exchange: number;
  /** Operation id of the spec. Undefined for a path that the spec does not have. */
  readonly operation: string | undefined;
  /** Milliseconds since the epoch, by the clock of the server. */
  readonly at: number;
} & (
  | {
      readonly type: "request";
      readonly method: string;
      /** Path and query. */
      readonly path: string;
      /** Names in lower case. */
      readonly headers: Readonly<Record<string, string>>;
      readonly body: string;
    }
  | {
      readonly type: "response";
      readonly status: number;
      readonly headers: Readonly<Record<string, string>>;
      /** Empty for an event stream: what it carries follows as events. */
      readonly body: string;
    }
  /** Text written to the event stream that this exchange opened, such as one frame. */
  | { readonly type: "event"; readonly body: string }
  /** The connection was cut: instead of a response, or at the end of an event stream. */
  | { readonly type: "end" }
);

type Part<Type> = Omit<Extract<Observation, { type: Type }>, "exchange" | "operation" | "at">;

/** One exchange, as its server reports it. */
export type Exchange = (part: Part<"response"> | Part<"event"> | Part<"end">) => void;

/** Opens an exchange with its request. */
export type Exchanges = (operation: string | undefined, request: Omit<Part<"request">, "type">) => Exchange;

/** Reports to `observe`, whose exceptions are logged. */
export function exchanges(options: {
  readonly observe?: ((observation: Observation) => void) | undefined;
  readonly clock: Clock;
  readonly logger?: Logger | false | undefined;
}): Exchanges {
  const { observe, clock } = options;
  if (observe === undefined) return () => () => {};
  const logger = safeLogger(options.logger);
  let count = 0;
  return (operation, request) => {
    const exchange = ++count;
    const report = (part: Part<"request"> | Parameters<Exchange>[0]): void => {
      try {
        observe({ exchange, operation, at: clock.now(), ...part } as Observation);
      } catch (error) {
        logger.error("an observer failed", { error });
      }
    };
    report({ type: "request", ...request });
    return report;
  };
}
