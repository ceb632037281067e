/** All counterparts together. */

import { maskText } from "../../core/mask-text.js";
import { isSecretName } from "../../core/secret-names.js";
import { VERSION } from "../../index.js";
import type { LoopbackServer } from "../../testing/http/loopback-server.js";
import { type CapOptions, startCap, startRedis } from "./cap-side.js";
import type { DevFunctions } from "./functions.js";
import { serveHealth } from "./health.js";
import { start4Runr, startAureus, startNeuron } from "./http-sides.js";
import type { DevPart } from "./part.js";

/** Options of {@link startStack}. A port that is not given is any free one. */
export interface StackOptions extends CapOptions {
  readonly port?: number | undefined;
  readonly neuronPort?: number | undefined;
  readonly aureusPort?: number | undefined;
  readonly fourRunrPort?: number | undefined;
  readonly functions: DevFunctions;
}

/** What runs. */
export interface Stack {
  readonly parts: readonly DevPart[];
  readonly env: Readonly<Record<string, string>>;
  readonly healthUrl: string;
  /** Ends everything, in order. Never rejects. */
  close(): Promise<void>;
}

/** Starts everything, or nothing: when one part fails, those that run are ended. */
export async function startStack(options: StackOptions): Promise<Stack> {
  const parts: DevPart[] = [];
  let page: LoopbackServer | undefined;
  const close = async (): Promise<void> => {
    await page?.close();
    await Promise.allSettled(parts.map((part) => part.close()));
  };
  const add = async <Part extends DevPart>(starting: Promise<Part>): Promise<Part> => {
    const part = await starting;
    parts.push(part);
    return part;
  };
  try {
    await add(startRedis(options));
    await add(startCap(options));
    const neuron = await add(startNeuron({ port: options.neuronPort, demo: options.demo }, options.log));
    await add(startAureus(options.aureusPort, options.functions, options.log));
    await add(start4Runr(options.fourRunrPort, options.functions, options.log));
    const env = Object.assign({}, ...parts.map((part) => part.env)) as Record<string, string>;
    const startedAt = new Date().toISOString();
    const health = () => ({ version: VERSION, startedAt, env: withoutSecrets(env), parts: statusOf(parts) });
    page = await serveHealth(options.port ?? 0, health, neuron);
    return { parts, env, healthUrl: page.url, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** State and facts of every part. */
export function statusOf(parts: readonly DevPart[]) {
  return Object.fromEntries(
    parts.map(({ name, state, reason, status }) => [
      name,
      { state, ...(reason === undefined ? {} : { reason }), ...status() },
    ]),
  );
}

/** The page may be seen by more people than the terminal. The path of a key is no secret. */
function withoutSecrets(env: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).map(([name, value]) => [
      name,
      isSecretName(name) && name !== "AGENT_PRIVATE_KEY" ? "[secret]" : maskText(value),
    ]),
  );
}
