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
import { neverSent } from "../core/never-sent.js";
import { retry } from "../core/retry.js";
import { mayRetry as byRule } from "../core/retry-policy.js";
import { isSecretName } from "../core/secret-names.js";
import { Answer, type HttpAnswer, isHeaders } from "./answer.js";
import type { HttpAuth } from "./auth.js";
import { type Call, didNothing, type Layer, type Progress, type Send } from "./call.js";
import { answerInfo, errorFromAnswer } from "./error-table.js";
import { lowerCase } from "./headers.js";
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
  const options = { cause, attempts: call.attempt, ...(neverSent(cause) && { sent: false }) };
  if (head !== undefined)
    return new ConnectionError(`the response of ${server} was cut off: ${reason}`, {
      ...answerInfo(head),
      ...options,
    });
  return new ConnectionError(`${server} could not be reached: ${reason}`, options);
}

/**
 * `thrown`, or an error with its text alone if it repeats a credential. An error about bytes that are not HTTP holds them,
 * and they may repeat one too. What cannot be read or changed, such as a revoked proxy, is also replaced by its text.
 */
function shownCause(thrown: unknown, hide: (text: string) => string): unknown {
  const textOnly = () => new Error(hide(errorText(thrown)));
  try {
    let first: unknown;
    let shown = "";
    let at = thrown;
    for (let depth = 0; at instanceof Error && depth < 10; at = at.cause, depth++) {
      if (!Reflect.deleteProperty(at, "data")) return textOnly();
      const { message, stack, code } = at as Error & { readonly code?: unknown };
      first ??= code;
      shown += `${message}\n${stack}\n${fieldsOf(at)}\n`;
    }
    shown += typeof at === "object" ? fieldsOf(at) : String(at);
    const isClean = !(at instanceof Error) && hide(shown) === shown;
    // The code tells whether the request has left.
    return isClean ? thrown : Object.assign(textOnly(), typeof first === "string" && { code: hide(first) });
  } catch {
    return textOnly();
  }
}

/** What printing an error shows besides its text, as far as JSON holds it. */
function fieldsOf(error: object | null): string {
  const open = new Set<unknown>();
  return JSON.stringify({ ...error, cause: undefined }, (_, value: unknown) => {
    if (typeof value === "bigint") return String(value);
    if (typeof value !== "object" || value === null) return value;
    if (open.has(value)) return undefined;
    open.add(value);
    return value;
  });
}

/** A shorter text stands in many responses by chance, and hiding it would garble them. */
const MIN_SECRET = 4;

/** Some servers, and some errors, repeat the credential of a call, as it is or encoded once or twice. */
function hiding({ headers, options }: Call): (text: string) => string {
  const secrets = [...secretsOf(headers), ...(options.secrets ?? [])];
  const forms = new Set(secrets.filter((secret) => secret.length >= MIN_SECRET).flatMap(formsOf));
  return (text) => [...forms].reduce((rest, secret) => rest.replaceAll(secret, "[secret]"), text);
}

/** The answer as errors may hold it. */
function withoutSecrets(answer: Answer, hide: (text: string) => string): Answer {
  // Servers escape more of a JSON text than has to be, such as `\/` or all beyond ASCII; what is read is the same.
  const json = answer.body === answer.text ? answer.text : (JSON.stringify(answer.body) ?? "");
  const hidden = hide(json);
  const text = hidden === json ? hide(answer.text) : hidden;
  const headers = [...answer.headers].map(([name, value]): [string, string] => [name, hide(value)]);
  if (text === answer.text && headers.every(([name, value]) => value === answer.headers.get(name)))
    return answer;
  return new Answer(answer.status, new Headers(headers), new TextEncoder().encode(text));
}

/** A secret as it is, in a JSON text, in a JSON text within one, in a URL, and in a form. */
function formsOf(secret: string): string[] {
  const quoted = (text: string): string => JSON.stringify(text).slice(1, -1);
  const form = new URLSearchParams([["", secret]]).toString().slice(1);
  // What has a lone surrogate cannot stand in a URL; a form replaces it.
  const url = encodeURIComponent(new URLSearchParams(`=${form}`).get("")!);
  return [quoted(quoted(secret)), quoted(secret), form, url, secret];
}

/** `Bearer abc` holds `abc`, a cookie `a=1; b=2` its pairs. */
function secretsOf(headers: Call["headers"]): string[] {
  return Object.entries(headers)
    .filter(([name]) => isSecretName(name))
    .flatMap(([, value]) => value.split(/;\s*/))
    .map((part) => part.replace(/^\S+ /, ""));
}
