/** Where `agentwire submit` stores the input of a job and reads its output. */
import { type BlobStore, contextKey, getBytes, putValue } from "../../cap/index.js";
import { optionOrEnv } from "../../core/env.js";
import { ValidationError } from "../../core/errors.js";
import { UsageError } from "../command.js";
import { readBytes } from "../input.js";
import type { Io } from "../io.js";

/** Options that name the input and the store. */
export interface StoreOptions {
  readonly input?: string;
  readonly inputFile?: string;
  readonly contextPtr?: string;
  readonly redis?: string;
  readonly storeDir?: string;
}

/** Opens the store that options or environment name. Undefined without one. */
export async function openStore(
  { storeDir, redis }: StoreOptions,
  { env }: Io,
): Promise<BlobStore | undefined> {
  if (storeDir !== undefined) {
    const { FileBlobStore } = await import("../../cap/file/index.js");
    return new FileBlobStore({ folder: storeDir });
  }
  const url = optionOrEnv(redis, "REDIS_URL", env);
  if (url === undefined) return undefined;
  const { RedisBlobStore } = await import("../../cap/redis/index.js");
  return new RedisBlobStore({ url, env });
}

/** Stores the input of a job and returns its pointer; an empty one for a job without input. */
export async function storeInput(
  { input, inputFile, contextPtr }: StoreOptions,
  io: Io,
  store: BlobStore | undefined,
  jobId: string,
): Promise<string> {
  if ([input, inputFile, contextPtr].filter((given) => given !== undefined).length > 1) {
    throw new UsageError("use only one of --input, --input-file and --context-ptr");
  }
  if (contextPtr !== undefined) return contextPtr;
  if (input === undefined && inputFile === undefined) return "";
  if (store === undefined) {
    const flag = input === undefined ? "--input-file" : "--input";
    throw new UsageError(`${flag} requires a store: --redis URL, REDIS_URL, or --store-dir DIRECTORY`);
  }
  const bytes =
    input !== undefined
      ? new TextEncoder().encode(input)
      : inputFile === "-"
        ? await io.readInput()
        : await readBytes(inputFile!);
  try {
    JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    throw new ValidationError("the input is not valid JSON", { code: "NOT_JSON" });
  }
  return putValue(store, contextKey(jobId), bytes);
}

/** Reads the value of a pointer: JSON, else text, else base64. */
export async function readOutput(store: BlobStore, pointer: string): Promise<unknown> {
  const bytes = await getBytes(store, pointer);
  const text = new TextDecoder().decode(bytes);
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text.includes("\ufffd") ? { base64: Buffer.from(bytes).toString("base64") } : text;
  }
}
