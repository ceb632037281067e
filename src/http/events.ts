/** Event streams of generated clients. */
import { fromWire, type KeyMap } from "../core/keys.js";
import type { Answer } from "./answer.js";
import { unexpectedResponse } from "./error-table.js";
import type { HttpOperation } from "./operation.js";
import { type ServerSentEvent, SseDecoder } from "./sse.js";

/** The chunks of an answer that is an event stream. @throws ProtocolError `UNEXPECTED_RESPONSE` for any other */
export function eventChunks(answer: Answer, operation: string): AsyncIterable<Uint8Array> | [Uint8Array] {
  const type = answer.headers.get("content-type") ?? "";
  if (/^text\/event-stream\s*(?:;|$)/i.test(type)) return answer.chunks ?? [answer.bytes];
  answer.discard?.();
  throw unexpectedResponse(answer, "an event stream (text/event-stream)", operation);
}

/** The data of the events of a stream, in order. Ends with the stream, or when the reader stops. */
export async function* readEvents<Event>(
  answer: Answer,
  operation: HttpOperation,
  keyMap: KeyMap | undefined,
): AsyncGenerator<Event> {
  const ready: ServerSentEvent[] = [];
  const decoder = new SseDecoder({ onEvent: (event) => void ready.push(event) });
  for await (const chunk of eventChunks(answer, operation.id)) {
    decoder.push(chunk);
    for (const { data } of ready.splice(0)) yield eventOf(data, operation, keyMap) as Event;
  }
}

function eventOf(data: string, { shapes }: HttpOperation, keyMap: KeyMap | undefined): unknown {
  let value: unknown = data;
  try {
    value = JSON.parse(data);
  } catch {
    // Not JSON: the text is the event.
  }
  return keyMap === undefined ? value : fromWire(value, shapes?.events, keyMap);
}
