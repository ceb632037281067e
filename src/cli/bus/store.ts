/** Where `agentwire submit` keeps the input of a job and finds its output. */
import { type BlobStore, contextKey, getBytes, putValue } from "../../cap/index.js";
import { optionOrEnv } from "../../core/env.js";
import { ValidationError } from "../../core/errors.js";
import { type Args, type OptionSpec, UsageError } from "../command.js";
import { readBytes } from "../input.js";
import type { Io } from "../io.js";

/** Options that say what the input is, and where it is kept. */
export const STORE_OPTIONS: readonly OptionSpec[] = [
  { name: "input", value: "JSON", about: "the input of the job; it is kept in the store" },
  { name: "input-file", value: "FILE", about: "the same from a file, or from - for the standard input" },
  { name: "context-ptr", value: "POINTER", about: "where the input is already, instead of the two" },
  { name: "redis", value: "URL", about: "the store (default: REDIS_URL)" },
  { name: "store-dir", value: "FOLDER", about: "a folder as the store instead" },
];

/** The store that options or environment name. Undefined without one. */
export async function openStore(args: Args, { env }: Io): Promise<BlobStore | undefined> {
  const folder = args.text("store-dir");
  if (folder !== undefined) {
    const { FileBlobStore } = await import("../../cap/file/index.js");
    return new FileBlobStore({ folder });
  }
  const url = optionOrEnv(args.text("redis"), "REDIS_URL", env);
  if (url === undefined) return undefined;
  const { RedisBlobStore } = await import("../../cap/redis/index.js");
  return new RedisBlobStore({ url, env });
}

/** Keeps the input of a job, and gives the pointer to it; an empty one for a job without input. */
export async function keepInput(
  args: Args,
  io: Io,
  store: BlobStore | undefined,
  jobId: string,
): Promise<string> {
  const [text, path, pointer] = [args.text("input"), args.text("input-file"), args.text("context-ptr")];
  if ([text, path, pointer].filter((given) => given !== undefined).length > 1) {
    throw new UsageError("--input, --input-file and --context-ptr exclude each other");
  }
  if (pointer !== undefined) return pointer;
  if (text === undefined && path === undefined) return "";
  if (store === undefined) {
    throw new UsageError("an input needs a store: --redis URL, REDIS_URL, or --store-dir FOLDER");
  }
  const bytes =
    text === undefined
      ? path === "-"
        ? await io.readInput()
        : await readBytes(path!)
      : new TextEncoder().encode(text);
  try {
    JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    throw new ValidationError("the input is not JSON", { code: "NOT_JSON" });
  }
  return putValue(store, contextKey(jobId), bytes);
}

/** What is behind a pointer: JSON, else text, else how many bytes. */
export async function readOutput(store: BlobStore, pointer: string): Promise<unknown> {
  const bytes = await getBytes(store, pointer);
  const text = new TextDecoder().decode(bytes);
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text.includes("\ufffd") ? { base64: Buffer.from(bytes).toString("base64") } : text;
  }
}
