/** The streams of a Cordum bus, with the settings that Cordum gives them. */
import { STREAM_DUPLICATE_WINDOW_MS, STREAM_MAX_AGE_MS, STREAMS } from "../../../gen/cap/index.js";
import { AgentwireError, NotFoundError, UnsupportedError } from "../../core/errors.js";
import { subjectMatches } from "../bus.js";
import type { NatsBus } from "../nats/bus.js";
import { callApi, isAnswer, NANOSECONDS, STREAM_NAME_IN_USE, STREAM_NOT_FOUND } from "./api.js";

/** How streams are created. */
export interface StreamSettings {
  readonly storage: "file" | "memory";
  readonly replicas: number;
}

/**
 * Makes sure that both streams exist; existing ones stay as they are.
 *
 * @throws NotFoundError `MISSING_STREAM` with the names of missing streams, without `create`; UnsupportedError
 * `NO_JETSTREAM` for a server without JetStream.
 */
export async function ensureStreams(
  bus: NatsBus,
  timeoutMs: number,
  create: StreamSettings | undefined,
): Promise<void> {
  const missing: string[] = [];
  for (const { stream, subjects } of Object.values(STREAMS)) {
    if (await hasStream(bus, timeoutMs, stream)) continue;
    if (create === undefined) missing.push(stream);
    else await createStream(bus, timeoutMs, stream, subjects, create);
  }
  if (missing.length > 0) throw missingStreams(missing);
}

async function hasStream(bus: NatsBus, timeoutMs: number, stream: string): Promise<boolean> {
  try {
    await callApi(bus, `STREAM.INFO.${stream}`, timeoutMs);
    return true;
  } catch (error) {
    if (isAnswer(error, STREAM_NOT_FOUND)) return false;
    if (error instanceof AgentwireError && error.code === "NO_RESPONDERS") {
      throw new UnsupportedError("the NATS server has no JetStream", { code: "NO_JETSTREAM", cause: error });
    }
    throw error;
  }
}

async function createStream(
  bus: NatsBus,
  timeoutMs: number,
  name: string,
  subjects: readonly string[],
  { storage, replicas }: StreamSettings,
): Promise<void> {
  try {
    await callApi(bus, `STREAM.CREATE.${name}`, timeoutMs, {
      name,
      subjects,
      storage,
      num_replicas: replicas,
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
export async function streamOf(bus: NatsBus, timeoutMs: number, subject: string): Promise<string> {
  const { streams } = await callApi(bus, "STREAM.NAMES", timeoutMs, { subject });
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
