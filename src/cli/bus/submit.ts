/** `agentwire submit`: a job over NATS, and its result. */
import { type JobResult, JobStatus } from "../../../gen/cap/index.js";
import { type BlobStore, JobTimeoutError, openJobClient } from "../../cap/index.js";
import { AbortError, AgentwireError, errorText } from "../../core/errors.js";
import { uuid } from "../../core/ids.js";
import { maskText } from "../../core/mask-text.js";
import { type CliCommand, mapOrder, pairs, repeated, wholeNumber } from "../command.js";
import { EXIT } from "../exit-codes.js";
import { columns, type Io, oneLine, paint } from "../io.js";
import { publicKeysOf, readKeyFiles, readPrivateKey } from "../key-files.js";
import { openStore, readOutput, type StoreOptions, storeInput } from "./store.js";

interface SubmitOptions extends StoreOptions {
  readonly nats?: string;
  readonly jobId?: string;
  readonly label?: Readonly<Record<string, string>>;
  readonly sender: string;
  readonly key?: string;
  readonly trust?: readonly string[];
  readonly mapOrder: "spec" | "upb";
  readonly wait: boolean;
  readonly timeoutMs: number;
  readonly cancel?: boolean;
}

/** `agentwire submit`. */
export const submitCommand: CliCommand = {
  configure: (command) =>
    command
      .argument("<topic>", "topic of the job, for example job.echo")
      .option("--nats <url>", "NATS server (default: NATS_URL, else nats://127.0.0.1:4222)")
      .option("--input <json>", "input of the job; written to the store")
      .option("--input-file <file>", "input of the job from a file, or - for the standard input")
      .option("--context-ptr <pointer>", "pointer to an input that is in the store")
      .option("--redis <url>", "Redis as the store (default: REDIS_URL)")
      .option("--store-dir <directory>", "directory as the store")
      .option("--job-id <id>", "id of the job (default: a random one)")
      .option("--label <name=value>", "label of the job", pairs)
      .option("--sender <id>", "who submits", "agentwire-cli")
      .option("--key <pem>", "file with the sender's private key (default: the packet is unsigned)")
      .option(
        "--trust <sender=pem>",
        "public key; results of other senders are refused (default: unchecked)",
        repeated,
      )
      .addOption(mapOrder("order of map entries in the signed bytes"))
      .option("--no-wait", "publish and exit; does not say whether a worker took the job")
      .option("--timeout-ms <n>", "how long to wait for the job to end", wholeNumber(1), 60_000)
      .option("--cancel", "cancel the job if the wait ends before the job does"),
  stops: true,
  notes:
    "Exit code 0: the job SUCCEEDED (with --no-wait: it was published). 1: it ended otherwise, or not in time.\n" +
    "3: no connection to NATS or to the store.",
  examples: [
    [
      `submit job.echo --input '{"text":"hello"}' --redis redis://127.0.0.1:6379/0`,
      "waits and prints the output",
    ],
    [
      "submit job.echo --context-ptr redis://ctx:1 --key k.pem --sender client-1",
      "signed, with an input that is in the store",
    ],
    ["submit job.report --input-file - --no-wait --json < in.json", "input piped in, does not wait"],
  ],
  async run(options: SubmitOptions, io, [topic = ""]) {
    const { jobId = `job-${uuid()}`, label: labels = {}, timeoutMs, nats: servers, key } = options;
    const peer = {
      senderId: options.sender,
      mapOrder: options.mapOrder,
      publicKeys: publicKeysOf(await readKeyFiles(options.trust)),
      privateKey: key === undefined ? undefined : await readPrivateKey(key),
    };
    const store = await openStore(options, io);
    try {
      const request = { jobId, topic, contextPtr: await storeInput(options, io, store, jobId), labels };
      const { connectNats } = await import("../../cap/nats/index.js");
      const bus = await connectNats({ servers, name: "agentwire submit", env: io.env, signal: io.signal });
      try {
        const client = await openJobClient({ ...peer, bus });
        if (!options.wait) {
          const submitted = await client.submit(request);
          await bus.flush();
          return { text: `published ${jobId}\n`, result: { ...submitted, topic, status: "PUBLISHED" } };
        }
        const wait = { timeoutMs, signal: io.signal, cancelOnAbort: options.cancel ?? false };
        const ended = await client.submitAndWait(request, wait).then(
          (result) => ({ result, error: undefined }),
          (error: unknown) => ({ result: resultOf(error, io, jobId, options.cancel), error }),
        );
        return await report(request, ended, store, io);
      } finally {
        await bus.drain();
      }
    } finally {
      await store?.close();
    }
  },
};

/** The result that an error is about. Rethrows one that says nothing about the job. */
function resultOf(error: unknown, io: Io, jobId: string, cancel = false): JobResult | undefined {
  if (error instanceof AbortError && io.signal.aborted) {
    const fate = cancel ? "its cancellation was requested" : "it may still run (--cancel would stop it)";
    io.err(`stopped waiting for ${jobId}: ${fate}\n`);
  }
  if (!(error instanceof AgentwireError)) throw error;
  const result = (error.details as { readonly result?: JobResult } | undefined)?.result;
  if (result === undefined && !(error instanceof JobTimeoutError)) throw error;
  return result;
}

async function report(
  { jobId, topic }: { readonly jobId: string; readonly topic: string },
  { result, error }: { readonly result: JobResult | undefined; readonly error: unknown },
  store: BlobStore | undefined,
  io: Io,
) {
  const succeeded = error === undefined;
  const facts: Record<string, unknown> = {
    jobId,
    topic,
    status: result === undefined ? "NO RESULT" : (JobStatus[result.status] ?? result.status),
  };
  if (result !== undefined) {
    facts.workerId = result.workerId;
    facts.executionMs = Number(result.executionMs);
    facts.resultPtr = result.resultPtr;
  }
  if (!succeeded) facts.error = maskText(errorText(error));
  if (succeeded && store !== undefined && result?.resultPtr) {
    try {
      facts.output = await readOutput(store, result.resultPtr);
    } catch (failure) {
      facts.outputProblem = errorText(failure);
    }
  }
  const { output, ...shown } = facts;
  const rows = Object.entries(shown)
    .filter(([, value]) => value !== "")
    .map(([name, value]) => [
      name,
      name === "status" ? paint(io, succeeded ? "green" : "red", String(value)) : oneLine(String(value)),
    ]);
  const text = `${columns(rows)}${output === undefined ? "" : `${JSON.stringify(output, null, 2)}\n`}`;
  return { exitCode: succeeded ? EXIT.ok : EXIT.no, text, result: facts };
}
