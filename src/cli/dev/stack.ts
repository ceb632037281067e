/** All local servers together. */

import { maskText } from "../../core/mask-text.js";
import { isSecretName } from "../../core/secret-names.js";
import { VERSION } from "../../index.js";
import type { HttpProtocol } from "../inspector/http-facts.js";
import { httpRecorder } from "../inspector/http-record.js";
import { type Observed, observe } from "../inspector/observe.js";
import { type Inspector, serveInspector } from "../inspector/server.js";
import type { KeyFiles } from "../key-files.js";
import { actionsOn } from "./actions.js";
import { Approvals } from "./approvals.js";
import { type CapOptions, startCap, startRedis } from "./cap-side.js";
import type { DevFunctions } from "./functions.js";
import { start4Runr, startAureus, startNeuron } from "./http-sides.js";
import { type Identity, readIdentity } from "./identity.js";
import type { DevPart } from "./part.js";
import { replayCapture } from "./resend.js";
import { addDevRoutes } from "./routes.js";
import { stateOf } from "./state.js";

/** Options of {@link startStack}. A port that is not given is any free one. */
export interface StackOptions extends Omit<CapOptions, "onMessage"> {
  readonly port?: number | undefined;
  readonly neuronPort?: number | undefined;
  readonly aureusPort?: number | undefined;
  readonly fourRunrPort?: number | undefined;
  readonly functions: DevFunctions;
  /** Public keys with which what goes over the bus is verified. */
  readonly keys: KeyFiles;
  /** The token of the inspector page. Default: a random one. */
  readonly token?: string | undefined;
  /** A new file for a capture of everything. */
  readonly record?: string | undefined;
  /** A capture whose jobs, tasks and requests are sent again once everything runs. */
  readonly replay?: string | undefined;
  /** Write the bytes of messages to the capture too. They may hold secrets. */
  readonly raw?: boolean | undefined;
}

/** What runs. */
export interface Stack {
  readonly parts: readonly DevPart[];
  readonly env: Readonly<Record<string, string>>;
  /** Where health and page are. */
  readonly url: string;
  /** The page with its token. */
  readonly pageUrl: string;
  /** Ends everything, in order. Never rejects. */
  close(): Promise<void>;
}

/** Starts everything, or nothing: when one part fails, those that run are ended. */
export async function startStack(options: StackOptions): Promise<Stack> {
  const parts: DevPart[] = [];
  let page: Inspector | undefined;
  let observed: Observed | undefined;
  let identity: Identity | undefined;
  const close = async (): Promise<void> => {
    await page?.close();
    await Promise.allSettled(parts.map((part) => part.close()));
    await observed?.close();
    await identity?.close();
  };
  const add = async <Part extends DevPart>(starting: Promise<Part>): Promise<Part> => {
    const part = await starting;
    parts.push(part);
    return part;
  };
  try {
    observed = await observe(options);
    const { recorder, tracker, onMessage } = observed;
    const { log, functions, demo } = options;
    identity = await readIdentity(options.env, (text) => log("dev", text));
    const { neuronToken: token } = identity;
    const side = (protocol: HttpProtocol, port: number | undefined) => {
      return { port, log, observe: httpRecorder(protocol, recorder) };
    };
    const capOptions = { ...options, onMessage };
    await add(startRedis(capOptions));
    const cap = await add(startCap(capOptions));
    const neuron = await add(startNeuron({ ...side("neuron", options.neuronPort), demo, token }));
    const aureus = await add(startAureus(functions, side("aureus", options.aureusPort)));
    await add(start4Runr(functions, identity, side("4runr", options.fourRunrPort)));
    const env = Object.assign({}, ...parts.map((part) => part.env)) as Record<string, string>;
    const { startedAt } = recorder;
    const health = () => ({ version: VERSION, startedAt, env: withoutSecrets(env), parts: statusOf(parts) });
    const approvals = new Approvals(cap, aureus);
    const actions = actionsOn({ cap, neuron, approvals, env });
    page = await serveInspector({
      port: options.port ?? 0,
      recorder,
      token: options.token,
      state: stateOf({ recorder, tracker, approvals, neuron, functions, health }),
      actions,
      routes: (app) => addDevRoutes(app, health, neuron),
    });
    if (options.replay !== undefined) await replayCapture(options.replay, actions.resend, log);
    return { parts, env, url: page.url, pageUrl: page.pageUrl, close };
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

/** The page may be seen by more people than the terminal. The path of a key is not a secret. */
function withoutSecrets(env: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).map(([name, value]) => [
      name,
      isSecretName(name) && name !== "AGENT_PRIVATE_KEY" ? "[secret]" : maskText(value),
    ]),
  );
}
