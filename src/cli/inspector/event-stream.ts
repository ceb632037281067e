/** Records as server-sent events: in batches, no faster than the reader takes them, and a `gap` for what it missed. */
import { sleep } from "../../core/clock.js";
import type { Recorder } from "./recorder.js";

const BATCH_MS = 50;
const BATCH = 500;
const IDLE_MS = 15_000;
/** What a page keeps; older records are not sent to one that begins. */
const PAGE_KEEPS = 20_000;

/** The summaries after `last`, then those to come, until the reader goes. Each event is an array; its id is the last `seq`. */
export function eventStream(recorder: Recorder, last: number): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  const gone = new AbortController();
  let wake: () => void = () => {};
  const off = recorder.onRecord(() => wake());
  // A number of an earlier run says nothing about this one.
  let cursor = last > recorder.last ? 0 : last;
  let missed = 0;
  if (recorder.last - cursor > PAGE_KEEPS) {
    missed = recorder.last - PAGE_KEEPS - cursor;
    cursor += missed;
  }
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        const hello = JSON.stringify({
          startedAt: recorder.startedAt,
          mono: recorder.mono(),
          resumed: cursor > 0,
        });
        controller.enqueue(encoder.encode(`event: hello\ndata: ${hello}\n\n`));
      },
      async pull(controller) {
        if (recorder.last === cursor && missed === 0) {
          const came = await new Promise<boolean>((resolve) => {
            const timer = setTimeout(() => resolve(false), IDLE_MS);
            wake = () => {
              clearTimeout(timer);
              resolve(true);
            };
          });
          if (gone.signal.aborted) return;
          if (!came) return controller.enqueue(encoder.encode(": idle\n\n"));
          await sleep(BATCH_MS, { signal: gone.signal, unref: true }).catch(() => {});
          if (gone.signal.aborted) return;
        }
        const { records, dropped } = recorder.after(cursor, BATCH);
        const lost = dropped + missed;
        missed = 0;
        cursor = records.at(-1)?.seq ?? cursor;
        const gap =
          lost === 0 ? [] : [JSON.stringify({ seq: records[0]?.seq ?? cursor, type: "gap", dropped: lost })];
        const items = [...gap, ...records.map(({ summary }) => summary)];
        controller.enqueue(encoder.encode(`id: ${cursor}\ndata: [${items.join(",")}]\n\n`));
      },
      cancel() {
        gone.abort();
        off();
        wake();
      },
    },
    { highWaterMark: 1 },
  );
}
