/** The streams of a Cordum bus, with the settings that Cordum gives them. */
import { STREAM_DUPLICATE_WINDOW_MS, STREAM_MAX_AGE_MS, STREAMS } from "../../../gen/cap/index.js";
import { AgentwireError, NotFoundError, UnsupportedError } from "../../core/errors.js";
import { subjectMatches } from "../bus.js";
import {
  callApi,
  isAnswer,
  type JetStreamApi,
  NANOSECONDS,
  STREAM_NAME_IN_USE,
  STREAM_NOT_FOUND,
} from "./api.js";
import type { JetStreamOptions } from "./bus.js";

/**
 * Makes sure that both streams exist; existing ones stay as they are.
 *
 * @throws NotFoundError `MISSING_STREAM` with the names of missing streams, without `createStreams`; UnsupportedError
 * `NO_JETSTREAM` for a server without JetStream.
 */
export async function ensureStreams(api: JetStreamApi, options: JetStreamOptions): Promise<void> {
  const { createStreams, storage = "file", replicas = 1 } = options;
  const missing: string[] = [];
  for (const { stream, subjects } of Object.values(STREAMS)) {
    try {
      await callApi(api, `STREAM.INFO.${stream}`);
    } catch (error) {
      if (error instanceof AgentwireError && error.code === "NO_RESPONDERS") {
        throw new UnsupportedError("the NATS server has no JetStream", {
          code: "NO_JETSTREAM",
          cause: error,
        });
      }
      if (!isAnswer(error, STREAM_NOT_FOUND)) throw error;
      missing.push(stream);
      if (createStreams) await createStream(api, stream, { subjects, storage, num_replicas: replicas });
    }
  }
  if (missing.length > 0 && !createStreams) throw missingStreams(missing);
}

async function createStream(api: JetStreamApi, name: string, settings: object): Promise<void> {
  try {
    await callApi(api, `STREAM.CREATE.${name}`, {
      name,
      ...settings,
      retention: "limits",
      discard: "old",
      max_age: STREAM_MAX_AGE_MS * NANOSECONDS,
      duplicate_window: STREAM_DUPLICATE_WINDOW_MS * NANOSECONDS,
    });
  } catch (error) {
    if (!isAnswer(error, STREAM_NAME_IN_USE)) throw error; // another process was faster
  }
}

/** The stream that keeps a subject. @throws NotFoundError `MISSING_STREAM`. */
export async function streamOf(api: JetStreamApi, subject: string): Promise<string> {
  const { streams } = await callApi(api, "STREAM.NAMES", { subject });
  if (Array.isArray(streams) && typeof streams[0] === "string") return streams[0];
  const expected = Object.values(STREAMS).find(({ subjects }) =>
    subjects.some((pattern) => subjectMatches(pattern, subject)),
  );
  throw missingStreams([expected?.stream ?? `one for ${subject}`]);
}

function missingStreams(names: readonly string[]): NotFoundError {
  const text = `JetStream streams are missing: ${names.join(", ")}; \`createStreams\` creates them`;
  return new NotFoundError(text, { code: "MISSING_STREAM", details: { streams: names } });
}
