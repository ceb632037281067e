/** Event streams of generated clients. */
import type { EventSourceMessage } from "eventsource-parser";
import { AgentwireError, ConnectionError, errorText } from "../core/errors.js";
import { fromWire, type KeyMap } from "../core/keys.js";
import type { Answer } from "./answer.js";
import type { Call } from "./call.js";
import { unexpectedResponse } from "./error-table.js";
import { SseDecoder } from "./sse.js";

/** The data of the events of a stream, in order. Ends with the stream, or when the reader stops. */
export async function* readEvents<Event>(
  answer: Answer,
  call: Call,
  keyMap: KeyMap | undefined,
): AsyncGenerator<Event> {
  const { operation } = call;
  const type = answer.headers.get("content-type") ?? "";
  if (!/^text\/event-stream\s*(?:;|$)/i.test(type) || answer.chunks === undefined) {
    await answer.chunks?.[Symbol.asyncIterator]().return?.();
    throw unexpectedResponse(answer, "an event stream (text/event-stream)", operation.id);
  }
  const ready: EventSourceMessage[] = [];
  const decoder = new SseDecoder({ onEvent: (event) => void ready.push(event) });
  try {
    for await (const chunk of answer.chunks) {
      decoder.push(chunk);
      for (const { data } of ready.splice(0)) yield eventOf(data, call, keyMap) as Event;
    }
  } catch (thrown) {
    if (call.whole.reason !== undefined) throw call.whole.reason;
    if (thrown instanceof AgentwireError) throw thrown;
    throw new ConnectionError(`the event stream of ${operation.id} broke off: ${errorText(thrown)}`, {
      cause: thrown,
    });
  }
}

function eventOf(data: string, { operation }: Call, keyMap: KeyMap | undefined): unknown {
  let value: unknown = data;
  try {
    value = JSON.parse(data);
  } catch {
    // Not JSON: the text is the event.
  }
  return keyMap === undefined ? value : fromWire(value, operation.shapes?.events, keyMap);
}
