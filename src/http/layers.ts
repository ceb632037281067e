/** The layers of the pipeline, from the caller's side inwards in the order in which they stand here. */
import type { Clock } from "../core/clock.js";
import { AgentwireError, ClosedError, ConnectionError, errorText, TimeoutError } from "../core/errors.js";
import type { Logger } from "../core/logger.js";
import { compose } from "../core/middleware.js";
import { neverSent } from "../core/never-sent.js";
import { retry } from "../core/retry.js";
import { mayRetry } from "../core/retry-policy.js";
import { Answer, type HttpAnswer } from "./answer.js";
import type { HttpAuth } from "./auth.js";
import type { Call, Layer, Send } from "./call.js";
import { Cut } from "./cut.js";
import { errorFromAnswer } from "./error-table.js";
import type { HttpCall, HttpClientOptions, HttpMiddleware } from "./options.js";

/** What the layers of one client share. */
export interface LayerContext extends Pick<HttpClientOptions, "onRetry" | "random" | "toError" | "auth"> {
  /** Names the server in messages. */
  readonly server: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly middleware: readonly HttpMiddleware[];
}

/** Puts the layers around a transport. */
export function pipeline(context: LayerContext, transport: Send): Send {
  const layers: Layer[] = [
    retries(context),
    requestLimit(context),
    ...(context.middleware.length > 0 ? [userLayers(context.middleware)] : []),
    ...(context.auth === undefined ? [] : [authorized(context.auth)]),
    logged(context),
    errors(context),
  ];
  return layers.reduceRight((next, layer) => layer(next), transport);
}

/** Repeats what the operation's rule allows. The first attempt pays nothing for it. */
function retries({ clock, random, logger, onRetry }: LayerContext): Layer {
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
          totalTimeoutMs: call.whole.remainingMs,
          shouldRetry: (again) => mayRetry(call.rule, again),
          onRetry: onRetry && ((notice) => onRetry(notice, call.operation)),
          clock,
          random,
          logger,
        },
      );
    }
  };
}

/** Bounds every request, the wait for its token included. */
function requestLimit({ clock, server }: LayerContext): Layer {
  return (next) => (call) => {
    const { attempt, operation, timeoutMs: ms } = call;
    const late = (): Error =>
      new TimeoutError(`${operation.id}: ${server} did not respond within ${ms} ms (attempt ${attempt})`, {
        attempts: attempt,
      });
    const cut = new Cut([call.whole], { ms, clock, late });
    call.cut = cut;
    call.responded = false;
    return cut.race(next(call)).finally(() => cut.done());
  };
}

const inner = Symbol("call");

/** The user's middleware sees a plain view of the request; what it changes there is sent. */
function userLayers(middleware: readonly HttpMiddleware[]): Layer {
  return (next) => {
    const run = compose<HttpCall & { [inner]?: Call }, HttpAnswer>(middleware, (view) => {
      const call = view[inner];
      if (call === undefined) {
        throw new TypeError("middleware must pass on the call it was given, or a copy made by spreading it");
      }
      call.url = view.url;
      call.headers = view.headers;
      return next(call);
    });
    return async (call) => {
      const { operation, url, headers, body, attempt, cut } = call;
      const { id: operationId, method } = operation;
      const view = { operationId, method, url, headers, body, attempt, signal: cut.signal, [inner]: call };
      const answer = await run(view);
      if (answer instanceof Answer) return answer;
      return new Answer(answer.status, answer.headers, new TextEncoder().encode(answer.text));
    };
  };
}

/** Adds the credential. After a 401 the request is made once more if there is another credential. */
function authorized(auth: HttpAuth): Layer {
  return (next) => {
    const send = (call: Call, headers: Call["headers"], authorization: string | undefined) => {
      call.headers = authorization === undefined ? headers : { ...headers, authorization };
      return next(call);
    };
    return async (call) => {
      if (call.operation.public === true) return next(call);
      const { headers, cut } = call;
      const first = auth.authorization(cut);
      const authorization = typeof first === "string" ? first : await first;
      try {
        return await send(call, headers, authorization);
      } catch (error) {
        const is401 = error instanceof AgentwireError && error.status === 401;
        if (!is401 || authorization === undefined || !auth.refused(authorization)) throw error;
        // A refused request did nothing, so it may be made again whatever it is.
        return await send(call, headers, await auth.authorization(cut));
      } finally {
        call.headers = headers;
      }
    };
  };
}

function logged({ logger, clock }: LayerContext): Layer {
  return (next) => async (call) => {
    const started = clock.monotonic();
    const { operation, attempt } = call;
    const line = (result: string): void =>
      logger.debug(`${operation.method} ${operation.id}: ${result}`, {
        attempt,
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
function errors({ server, toError, clock }: LayerContext): Layer {
  return (next) => async (call) => {
    let answer: Answer;
    try {
      answer = await next(call);
    } catch (thrown) {
      throw call.cut.reason ?? call.whole.reason ?? thrownError(thrown, call, server);
    }
    if (answer.status >= 200 && answer.status < 300) return answer;
    const error = toError?.(answer, call.operation) ?? errorFromAnswer(answer, server, clock);
    throw withoutCredential(error, call.headers);
  };
}

function thrownError(thrown: unknown, { responded, attempt }: Call, server: string): AgentwireError {
  if (thrown instanceof AgentwireError) return thrown;
  const { code, cause } = thrown as { readonly code?: unknown; readonly cause?: unknown };
  if (code === "UND_ERR_DESTROYED" || code === "UND_ERR_CLOSED")
    return new ClosedError("the client is closed", { cause: thrown });
  const reason = errorText(cause ?? thrown);
  const options = { cause: thrown, attempts: attempt, ...(neverSent(thrown) && { sent: false }) };
  if (responded) return new ConnectionError(`the response of ${server} was cut off: ${reason}`, options);
  return new ConnectionError(`${server} could not be reached: ${reason}`, options);
}

/** Some servers repeat the credential they refuse; it must not stand in a message. */
function withoutCredential(error: AgentwireError, { authorization }: Call["headers"]): AgentwireError {
  const secret = authorization?.split(" ").at(-1);
  if (secret !== undefined && secret.length >= 4 && error.message.includes(secret)) {
    const message = error.message.replaceAll(secret, "[secret]");
    Object.defineProperty(error, "message", { value: message, configurable: true, writable: true });
    error.stack = error.stack?.replaceAll(secret, "[secret]") ?? "";
  }
  return error;
}
