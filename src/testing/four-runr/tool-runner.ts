/** Runs tools as the gateway does: behind a breaker, ten at a time, some of them more than once. */
import { type Clock, sleep } from "../../core/clock.js";
import { errorText } from "../../core/errors.js";
import { Limiter } from "../../core/limiter.js";
import { Breaker, type BreakerOptions } from "./breaker.js";
import { ToolFailure, type ToolParams, type Tools } from "./tools.js";

/** Options of {@link ToolRunner}. */
export interface ToolRunnerOptions {
  readonly clock: Clock;
  readonly random: () => number;
  readonly tools: Tools;
  readonly breaker?: BreakerOptions | undefined;
  /** Asked before each try: true makes one call in five fail. */
  readonly chaos: () => boolean;
  /** Notified of every call of a tool, retries included. */
  readonly onCall: (call: {
    readonly tool: string;
    readonly action: string;
    readonly params: unknown;
  }) => void;
}

/** Texts of failures after which a call is made again. */
const transient = /timeout|ETIMEDOUT|502|503|504|429|ECONNRESET|ENOTFOUND/;
const retried = new Set(["serpapi", "openai", "http_fetch"]);
const retries = 2;
const concurrency = 10;

/** Tools, their breakers and their retries. */
export class ToolRunner {
  readonly #options: ToolRunnerOptions;
  readonly #breakers = new Map<string, { readonly breaker: Breaker; readonly places: Limiter }>();

  constructor(options: ToolRunnerOptions) {
    this.#options = options;
  }

  /** The breakers of the tools used so far. */
  get breakers(): ReadonlyMap<string, Breaker> {
    return new Map([...this.#breakers].map(([tool, { breaker }]) => [tool, breaker]));
  }

  /** True when the tool has such an action. */
  has(tool: string, action: string): boolean {
    const { tools } = this.#options;
    return Object.hasOwn(tools, tool) && Object.hasOwn(tools[tool]!, action);
  }

  /** Does it once, without breaker, retries and faults. */
  once(tool: string, action: string, params: ToolParams): Promise<unknown> {
    return Promise.resolve(this.#options.tools[tool]?.[action]?.(params));
  }

  /** The tool's result. Rejects with what the tool threw last, or because the breaker is open. */
  run(tool: string, action: string, params: ToolParams): Promise<unknown> {
    const { breaker, places } = this.#of(tool);
    return breaker.run(async () => {
      const release = await places.acquire();
      try {
        return await this.#withRetries(tool, action, params);
      } finally {
        release();
      }
    });
  }

  async #withRetries(tool: string, action: string, params: ToolParams): Promise<unknown> {
    for (let done = 0; ; done++) {
      try {
        await this.#maybeFail();
        this.#options.onCall({ tool, action, params });
        return await this.once(tool, action, params);
      } catch (error) {
        const again = retried.has(tool) && done < retries && transient.test(failureText(error));
        if (!again) throw error;
        const jitter = 1 + 0.2 * (this.#options.random() - 0.5);
        await sleep(Math.min(250 * 2 ** done, 1_000) * jitter, { clock: this.#options.clock });
      }
    }
  }

  async #maybeFail(): Promise<void> {
    const { chaos, clock, random } = this.#options;
    if (!chaos() || random() >= 0.2) return;
    await sleep(300 + random() * 1_200, { clock });
    throw new Error("mock 503");
  }

  #of(tool: string): { readonly breaker: Breaker; readonly places: Limiter } {
    let found = this.#breakers.get(tool);
    if (found === undefined) {
      found = {
        breaker: new Breaker(this.#options.clock, this.#options.breaker),
        places: new Limiter(concurrency),
      };
      this.#breakers.set(tool, found);
    }
    return found;
  }
}

/** The text by which failures are distinguished; an upstream's status counts as part of it. */
function failureText(error: unknown): string {
  return error instanceof ToolFailure ? `${error.message} ${error.status}` : errorText(error);
}
