/** The topics an agent serves. */
import { AgentwireError, ValidationError } from "../../core/errors.js";
import { compose } from "../../core/middleware.js";
import { checkOption } from "../../core/options.js";
import { isStandardSchema } from "../../core/standard-schema.js";
import {
  type Checker,
  checkerFor,
  outputCheckerFor,
  type Schema,
  type SchemaValidator,
} from "../../core/validate.js";
import type { HandlerCall } from "../../worker/middleware.js";
import { assertSubject } from "../bus.js";
import type { AgentHandler, AgentMiddleware } from "./context.js";
import type { AgentOptions, JobContext } from "./options.js";

/** What `retries` may be. */
export const RETRIES = { min: 0, whole: true, max: Number.MAX_SAFE_INTEGER };

/** How one topic differs from the agent's options. */
export type TopicOverrides = Pick<AgentOptions, "retries" | "backoffMs">;

/** Options of `Agent.job`. `In` and `Out` are schemas, or undefined for none. */
export interface TopicOptions<In extends Schema | undefined, Out extends Schema | undefined>
  extends TopicOverrides {
  /** What the input must look like: any Standard Schema, or a JSON Schema. Default: anything. */
  readonly input?: In;
  /** What the output must look like. Default: anything. */
  readonly output?: Out;
}

/** A topic with its handler, as it was registered. */
export interface Topic {
  readonly topic: string;
  readonly input: Schema | undefined;
  readonly output: Schema | undefined;
  readonly run: AgentHandler;
  readonly retries: number;
  readonly backoffMs: (attempt: number) => number;
}

/** A topic that is ready to serve. */
export interface ServedTopic extends Pick<Topic, "topic" | "retries" | "backoffMs"> {
  readonly inputCheck?: Checker<unknown> | undefined;
  readonly outputCheck?: Checker<unknown> | undefined;
  /** The handler behind its middleware; it gets the context that its front promises. */
  handle(call: HandlerCall<JobContext>): Promise<unknown>;
}

/**
 * Brings the forms of `Agent.job` together.
 *
 * @throws ValidationError for a topic that is not a subject, a handler that is not a function, numbers that make no
 * sense.
 */
export function makeTopic(
  topic: string,
  given: TopicOptions<Schema | undefined, Schema | undefined>,
  run: unknown,
  defaults: TopicOverrides,
): Topic {
  assertSubject(topic);
  if (typeof run !== "function") throw new ValidationError(`${topic}: the handler must be a function`);
  const { retries = defaults.retries ?? 0 } = given;
  checkOption("retries", retries, RETRIES);
  const backoff = given.backoffMs ?? defaults.backoffMs ?? 0;
  const backoffMs = typeof backoff === "function" ? backoff : () => backoff;
  return { topic, input: given.input, output: given.output, run: run as AgentHandler, retries, backoffMs };
}

/** A result always has an output: null for undefined, and bytes are stored as they are. */
const outputChecker: typeof checkerFor<unknown> = (schema, validator) =>
  outputCheckerFor(schema, validator, { absent: null, bytes: true });

/**
 * Makes topics ready to serve, by topic.
 *
 * @throws ValidationError for a schema that cannot be used, and for middleware that is not a function.
 */
export async function serveTopics(
  topics: Iterable<Topic>,
  options: {
    readonly middleware: readonly AgentMiddleware[];
    readonly validator: SchemaValidator | undefined;
  },
): Promise<Map<string, ServedTopic>> {
  const served = new Map<string, ServedTopic>();
  let { validator } = options;
  const ready = async (
    name: string,
    schema: Schema | undefined,
    make: typeof checkerFor<unknown>,
  ): Promise<Checker<unknown> | undefined> => {
    if (schema === undefined) return undefined;
    if (validator === undefined && !isStandardSchema(schema)) {
      validator = (await import("../../core/ajv-validator.js")).ajvValidator();
    }
    try {
      return await make(schema, validator as SchemaValidator);
    } catch (error) {
      if (!(error instanceof AgentwireError)) throw error;
      throw new ValidationError(`${name}: ${error.message}`, { code: error.code, cause: error });
    }
  };
  for (const topic of topics) {
    served.set(topic.topic, {
      ...topic,
      inputCheck: await ready(`input of ${topic.topic}`, topic.input, checkerFor),
      outputCheck: await ready(`output of ${topic.topic}`, topic.output, outputChecker),
      handle: compose(options.middleware, async ({ input, ctx }) => topic.run(input, ctx)),
    });
  }
  return served;
}
