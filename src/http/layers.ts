/** The layers of the pipeline, from the caller's side inwards in the order in which they stand here. */
import { asAbortError } from "../core/abort-error.js";
import type { Clock } from "../core/clock.js";
import { type Cut, within } from "../core/cut.js";
import {
  AgentwireError,
  AuthError,
  ClosedError,
  ConnectionError,
  copyWith,
  errorText,
  TimeoutError,
  ValidationError,
} from "../core/errors.js";
import type { Logger } from "../core/logger.js";
import { compose } from "../core/middleware.js";
import { retry } from "../core/retry.js";
import { mayRetry as byRule } from "../core/retry-policy.js";
import { Answer, type HttpAnswer, isHeaders } from "./answer.js";
import type { HttpAuth } from "./auth.js";
import { type Call, didNothing, type Layer, type Progress, type Send } from "./call.js";
import { answerInfo, errorFromAnswer } from "./error-table.js";
import { lowerCase } from "./headers.js";
import { hiding, shownCause, withoutSecrets } from "./hiding.js";
import type { HttpCall, HttpClientOptions, HttpMiddleware } from "./options.js";
import { absoluteUrl } from "./url.js";

/** What the layers of one client share. */
export interface LayerContext
  extends Pick<HttpClientOptions, "onRetry" | "random" | "toError" | "auth" | "mayRetry"> {
  /** Names the server in messages. */
  readonly server: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly middleware: readonly HttpMiddleware[];
}

/** Puts the layers around a transport. */
export function pipeline(context: LayerContext, transport: Send): Send {
  const layers: Layer[] = [
    ...(context.middleware.length > 0 ? [userLayers(context)] : []),
    ...(context.auth === undefined ? [] : [authorized(context.auth)]),
    logged(context),
    errors(context),
  ];
  return limited(
    context,
    layers.reduceRight((next, layer) => layer(next), transport),
  );
}

/** The outer layers alone: the attempts of a call and the limit of each. */
export function limited<T>(context: LayerContext, send: Send<T>): Send<T> {
  return retries<T>(context)(requestLimit<T>(context)(send));
}

/** Repeats what the operation's rule allows. The first attempt pays nothing for it. */
function retries<T>({ clock, random, logger, onRetry, mayRetry = byRule }: LayerContext): Layer<T> {
  return (next) => async (call) => {
    try {
      return await next(call);
    } catch (error) {
      if (call.policy.attempts === 1 || !mayRetry(call.rule, error)) throw error;
      return retry(
        ({ attempt }) => {
          if (attempt === 1) return Promise.reject(error);
          call.attempt = attempt;
          return next(call);
        },
        {
          policy: call.policy,
          signal: call.whole.signal,
          totalTimeoutMs: untilAfter(call.whole),
          shouldRetry: (again) => mayRetry(call.rule, again),
          onRetry: (notice) => {
            const { operation, correlationId } = call;
            // The first retry is everyday business; a further one is worth a look.
            if (notice.attempt > 1)
              logger.warn(`${operation.id} failed and will be retried`, { ...notice, correlationId });
            onRetry?.(notice, call);
          },
          clock,
          random,
          logger,
        },
      );
    }
  };
}

/** A little later than the end of the call, whose error names the whole limit and not what is left of it now. */
function untilAfter({ remainingMs }: Cut): number | undefined {
  return remainingMs === undefined ? undefined : Math.ceil(remainingMs) + 1;
}

/** Bounds every request, the wait for its token included. */
function requestLimit<T>({ clock, server }: LayerContext): Layer<T> {
  return (next) => async (call) => {
    const { attempt, operation, timeoutMs: ms } = call;
    const wait = call.options.beforeAttempt?.(call.whole);
    if (wait !== undefined) await wait;
    const got: Progress = {};
    call.got = got;
    const late = (): Error => {
      const who = got.waitsFor ?? server;
      const what = got.head === undefined ? "did not respond" : "did not send the whole response";
      return new TimeoutError(`${operation.id}: ${who} ${what} within ${ms} ms (attempt ${attempt})`, {
        ...(got.head && answerInfo(got.head)),
        attempts: attempt,
      });
    };
    try {
      return await within([call.whole], { ms, clock, late }, (cut) => next({ ...call, cut, got }));
    } catch (error) {
      if (error instanceof AgentwireError && error.sent === false) didNothing(call);
      call.options.onFailure?.(error);
      throw error;
    }
  };
}

const inner = Symbol("call");

/** The user's middleware sees a plain view of the request; what it changes there is sent. */
function userLayers(context: LayerContext): Layer {
  return (next) => {
    const run = compose<HttpCall & { [inner]?: Call }, HttpAnswer>(context.middleware, (view) => {
      const call = view?.[inner];
      if (call === undefined) {
        throw new ValidationError("middleware must pass on the call it was given, or a spread copy of it");
      }
      const url = view.url === call.url ? call.url : absoluteUrl(view.url);
      const headers = view.headers === call.headers ? call.headers : lowerCase(view.headers);
      return next({ ...call, url, headers });
    });
    return async (call) => {
      const { operation, url, headers, body, attempt, cut } = call;
      const { id: operationId, method } = operation;
      const view = { operationId, method, url, headers, body, attempt, signal: cut.signal, [inner]: call };
      const answer = await run(view);
      return answer instanceof Answer ? answer : accepted(ownAnswer(answer), call, context);
    };
  };
}

/** An answer that a middleware made itself. */
function ownAnswer(answer: HttpAnswer): Answer {
  const { status, headers, text } = answer ?? {};
  if (typeof status !== "number" || typeof text !== "string" || !isHeaders(headers)) {
    throw new ValidationError(
      "middleware must return the response that next() returned, or one with status, headers (Headers) and text",
    );
  }
  return new Answer(status, headers, new TextEncoder().encode(text));
}

/** Adds the credential. After a 401 the request is repeated if there is another credential. */
function authorized(auth: HttpAuth): Layer {
  return (next) => {
    const send = (call: Call, authorization: string | undefined) =>
      next(authorization === undefined ? call : { ...call, headers: { ...call.headers, authorization } });
    return async (call) => {
      if (call.operation.public === true) return next(call);
      const first = credential(auth, call);
      const authorization = typeof first === "object" ? await first : first;
      try {
        return await send(call, authorization);
      } catch (error) {
        const is401 = error instanceof AgentwireError && error.status === 401;
        if (!is401 || authorization === undefined || !auth.refused(authorization)) throw error;
        // A refused request did nothing, so it may be made again whatever it is.
        didNothing(call);
        return await send(call, await credential(auth, call, authorization));
      }
    };
  };
}

/** The credential; a promise where it has to be waited for. A failure is that of a call that was not sent. */
function credential(auth: HttpAuth, call: Call, refused?: string): ReturnType<HttpAuth["authorization"]> {
  try {
    const given = auth.authorization(call.cut, refused);
    return typeof given === "object" ? waited(given, auth, call) : given;
  } catch (thrown) {
    throw noCredential(thrown);
  }
}

async function waited<T>(
  given: Promise<T>,
  { what = "its credential" }: HttpAuth,
  { got }: Call,
): Promise<T> {
  got.waitsFor = what;
  try {
    return await given;
  } catch (thrown) {
    throw noCredential(thrown);
  } finally {
    got.waitsFor = undefined;
  }
}

/** It did not leave, so it may be repeated whatever it is, if the error says so. */
function noCredential(thrown: unknown): AgentwireError {
  const error = asAbortError(thrown);
  if (error instanceof AgentwireError) return copyWith(error, { sent: false });
  const message = `the callback for the credential failed: ${errorText(error)}`;
  return new AuthError(message, { cause: error, sent: false });
}

function logged({ logger, clock }: LayerContext): Layer {
  return (next) => async (call) => {
    const started = clock.monotonic();
    const { operation, attempt, correlationId } = call;
    const line = (result: string): void =>
      logger.debug(`${operation.id}: ${result}`, {
        method: operation.method,
        attempt,
        correlationId,
        ms: Math.round(clock.monotonic() - started),
      });
    try {
      const answer = await next(call);
      line(String(answer.status));
      return answer;
    } catch (error) {
      line(errorText(error));
      throw error;
    }
  };
}

/** Turns answers outside 200 to 299, and whatever the platform throws, into the errors of this package. */
function errors(context: LayerContext): Layer {
  return (next) => async (call) => {
    try {
      return accepted(await next(call), call, context);
    } catch (thrown) {
      throw call.cut.reason ?? call.whole.reason ?? thrownError(thrown, call, context.server);
    }
  };
}

/** `answer` itself from 200 to 299. @throws the error that any other one stands for */
function accepted(answer: Answer, call: Call, { server, toError, clock }: LayerContext): Answer {
  const { operation } = call;
  const shown = (): Answer => withoutSecrets(answer, hiding(call));
  if (answer.status >= 200 && answer.status < 300) {
    answer.shown = shown;
    return answer;
  }
  throw toError?.(shown(), operation) ?? errorFromAnswer(shown(), server, clock);
}

function thrownError(thrown: unknown, call: Call, server: string): AgentwireError {
  if (thrown instanceof AgentwireError) return thrown;
  const { head } = call.got;
  const hide = hiding(call);
  const cause = shownCause(thrown, hide);
  const ended = asAbortError(cause);
  if (ended instanceof AgentwireError) return ended;
  const { code, cause: inner } = (cause ?? {}) as { readonly code?: unknown; readonly cause?: unknown };
  if (code === "UND_ERR_DESTROYED" || code === "UND_ERR_CLOSED")
    return new ClosedError("the client is closed", { cause });
  const reason = hide(errorText(inner ?? thrown));
  const options = { cause, attempts: call.attempt };
  if (head !== undefined)
    return new ConnectionError(`the response of ${server} was cut off: ${reason}`, {
      ...answerInfo(head),
      ...options,
    });
  return new ConnectionError(`${server} could not be reached: ${reason}`, options);
}
