/** `agentwire submit`: a job over NATS, and its result. */
import { type JobResult, JobStatus } from "../../../gen/cap/index.js";
import { type BlobStore, JobTimeoutError, openJobClient } from "../../cap/index.js";
import { AgentwireError, errorText } from "../../core/errors.js";
import { uuid } from "../../core/ids.js";
import { maskText } from "../../core/mask-text.js";
import { type Args, type Command, UsageError } from "../command.js";
import { EXIT } from "../exit-codes.js";
import { columns, type Io, oneLine, paint, printJson } from "../io.js";
import { publicKeysOf, readKeyFiles, readPrivateKey } from "../key-files.js";
import { keepInput, openStore, readOutput, STORE_OPTIONS } from "./store.js";

/** Options, help and run of `agentwire submit`. */
export const submitCommand: Command = {
  options: [
    { name: "nats", value: "URL", about: "the server (default: NATS_URL, else nats://127.0.0.1:4222)" },
    ...STORE_OPTIONS,
    { name: "job-id", value: "ID", about: "default: a random one" },
    { name: "label", value: "NAME=VALUE", multiple: true, about: "a label of the job" },
    { name: "sender", value: "ID", about: "who submits (default: agentwire-cli)" },
    {
      name: "key",
      value: "PEM",
      about: "file with the sender's private key (default: the packet is unsigned)",
    },
    {
      name: "trust",
      value: "SENDER=PEM",
      multiple: true,
      about: "public key of a sender of results; others are refused (default: signatures are not looked at)",
    },
    { name: "map-order", value: "spec|upb", about: "order of map entries in what is signed (default: spec)" },
    { name: "no-wait", about: "only publish; says nothing about whether anybody took the job" },
    { name: "timeout-ms", value: "N", about: "how long to wait for the end of the job (default: 60000)" },
    { name: "cancel", about: "ask for the job to be stopped when the wait ends before it does" },
  ],
  maxArguments: 1,
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
      "signed, the input is there already",
    ],
    ["submit job.report --input-file - --no-wait --json < in.json", "input piped in, does not wait"],
  ],
  async run(args, io) {
    const [topic] = args.rest;
    if (topic === undefined) throw new UsageError("a topic is missing: agentwire submit job.echo");
    const options = {
      senderId: args.text("sender") ?? "agentwire-cli",
      mapOrder: args.choice("map-order", ["spec", "upb"], "spec"),
      publicKeys: publicKeysOf(await readKeyFiles(args, "trust")),
      privateKey: await optionalKey(args),
    };
    const timeoutMs = args.whole("timeout-ms", 1) ?? 60_000;
    const labels = Object.fromEntries(args.pairs("label"));
    const jobId = args.text("job-id") ?? `job-${uuid()}`;
    const store = await openStore(args, io);
    try {
      const contextPtr = await keepInput(args, io, store, jobId);
      const { connectNats } = await import("../../cap/nats/index.js");
      const servers = args.text("nats");
      const bus = await connectNats({ servers, name: "agentwire submit", env: io.env, signal: io.signal });
      try {
        const client = await openJobClient({ ...options, bus });
        const request = { jobId, topic, contextPtr, labels };
        if (args.flag("no-wait")) {
          const submitted = await client.submit(request);
          await bus.flush();
          if (args.flag("json")) printJson(io, { ...submitted, topic, status: "PUBLISHED" });
          else io.out(`published ${jobId}\n`);
          return EXIT.ok;
        }
        const wait = { timeoutMs, signal: io.signal, cancelOnAbort: args.flag("cancel") };
        const ended = await client.submitAndWait(request, wait).then(
          (result) => ({ result, error: undefined }),
          (error: unknown) => ({ result: resultOf(error), error }),
        );
        return await report(jobId, topic, ended, store, args, io);
      } finally {
        await bus.drain();
      }
    } finally {
      await store?.close();
    }
  },
};

async function optionalKey(args: Args): Promise<string | undefined> {
  const path = args.text("key");
  return path === undefined ? undefined : readPrivateKey(path);
}

/** The result that an error is about. Rethrows one that says nothing about the job. */
function resultOf(error: unknown): JobResult | undefined {
  if (!(error instanceof AgentwireError)) throw error;
  const result = (error.details as { readonly result?: JobResult } | undefined)?.result;
  if (result === undefined && !(error instanceof JobTimeoutError)) throw error;
  return result;
}

async function report(
  jobId: string,
  topic: string,
  { result, error }: { readonly result: JobResult | undefined; readonly error: unknown },
  store: BlobStore | undefined,
  args: Args,
  io: Io,
): Promise<number> {
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
  if (args.flag("json")) printJson(io, facts);
  else {
    const { output, ...rows } = facts;
    const color = succeeded ? "green" : "red";
    const cells = Object.entries(rows).filter(([, value]) => value !== "");
    io.out(
      columns(
        cells.map(([name, value]) => [
          name,
          name === "status" ? paint(io, color, String(value)) : oneLine(String(value)),
        ]),
      ),
    );
    if (output !== undefined) io.out(`${JSON.stringify(output, null, 2)}\n`);
  }
  return succeeded ? EXIT.ok : EXIT.no;
}
