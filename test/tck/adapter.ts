/** The adapter: reads what the runner says, performs the cases, answers. */
import { errorText, ProtocolError } from "../../src/core/errors.js";
import { VERSION } from "../../src/core/version.js";
import { TCK_CASES } from "./cases.ts";
import { linesOf, MAX_LINE_BYTES } from "./lines.ts";
import type { AdapterHandshake, CaseResult } from "./messages.ts";
import { RefusedLine, readRunnerMessage } from "./messages.ts";

/** Options of {@link runTckAdapter}. */
export interface TckAdapterOptions {
  /** What the runner says. */
  readonly input: AsyncIterable<Uint8Array | string>;
  /** Where the answers go, one line at a time. */
  readonly output: { write(line: string): unknown };
}

/** What came of a run of the adapter. */
export interface TckSummary {
  readonly passed: number;
  /** Runs that were answered. */
  readonly total: number;
}

const HANDSHAKE: AdapterHandshake = {
  type: "handshake",
  protocolVersion: 1,
  role: "worker",
  profiles: ["core"],
  features: ["signatures", "progress", "cancel", "error_codes", "heartbeats"],
  sdk: { name: "agentwire", version: VERSION },
  transport: "memory",
};

/**
 * Speaks version 1 of the conformance kit's adapter protocol (JSON lines, at most 1 MiB each) in the role of a
 * worker, until `bye` or the end of the input. Every case is performed by a real `Agent`.
 *
 * A run that is refused (unknown fields, before `hello`) is an ERROR, one of a case that this role has not is
 * UNSUPPORTED. `params` are not used: every case makes its own packets.
 *
 * @throws ProtocolError for a line that is refused and names no run, or is too long.
 */
export async function runTckAdapter({ input, output }: TckAdapterOptions): Promise<TckSummary> {
  let greeted = false;
  let passed = 0;
  let total = 0;
  const say = (message: AdapterHandshake | CaseResult) => output.write(`${JSON.stringify(message)}\n`);
  const answer = (result: CaseResult): void => {
    total++;
    if (result.status === "PASS") passed++;
    say(result);
  };
  for await (const line of linesOf(input)) {
    try {
      const message = readRunnerMessage(line);
      if (message.type === "bye") break;
      if (message.type === "hello") {
        if (greeted) throw new RefusedLine("a second hello", undefined);
        greeted = true;
        say(HANDSHAKE);
        continue;
      }
      if (!greeted) throw new RefusedLine("a run before hello", message.id);
      answer(await perform(message.id, message.scenario));
    } catch (error) {
      if (!(error instanceof RefusedLine) || error.id === undefined) throw error;
      answer(failure(error.id, "ERROR", error.message));
    }
  }
  return { passed, total };
}

async function perform(id: string, scenario: string): Promise<CaseResult> {
  const name = [id, scenario].find((text) => Object.hasOwn(TCK_CASES, text));
  if (name === undefined) return failure(id, "UNSUPPORTED", "no case of the role worker has this id");
  try {
    const { passed, detail, evidence } = await TCK_CASES[name]!();
    const result: CaseResult = { type: "result", id, status: passed ? "PASS" : "FAIL", detail, evidence };
    const bytes = new TextEncoder().encode(JSON.stringify(result)).length;
    if (bytes < MAX_LINE_BYTES) return result;
    throw new ProtocolError(`the evidence of ${bytes} bytes is too long for a line`);
  } catch (error) {
    return failure(id, "ERROR", errorText(error));
  }
}

function failure(id: string, status: "ERROR" | "UNSUPPORTED", detail: string): CaseResult {
  return { type: "result", id, status, detail, evidence: {} };
}
