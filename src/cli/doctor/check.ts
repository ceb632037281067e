/** One thing that `agentwire doctor` looked at. */
import { type Env, optionOrEnv } from "../../core/env.js";
import { AuthError, ConnectionError, errorText, TimeoutError } from "../../core/errors.js";
import { maskText } from "../../core/mask-text.js";
import type { DoctorOptions } from "./options.js";

/** What was found. `skip`: there was nothing to look at. */
export interface Check {
  readonly area: "env" | "keys" | "nats" | "redis" | "neuron" | "aureus" | "4runr" | "clock" | "versions";
  readonly what: string;
  readonly status: "ok" | "warn" | "fail" | "skip";
  readonly text: string;
  /** What to do about it. */
  readonly advice?: string | undefined;
  /** A server that does not answer, or does not let us in. */
  readonly unreachable?: true;
}

/** What the clock of a server said, for the check of the clocks. */
export interface ServerTime {
  readonly server: string;
  /** Its clock less ours, in milliseconds; 0 within the resolution of HTTP dates. */
  readonly aheadMs: number;
}

/** What every group of checks is given. */
export interface Situation {
  readonly options: DoctorOptions;
  readonly env: Env;
  readonly signal: AbortSignal;
  /** Clocks of servers that told their time. */
  readonly times: ServerTime[];
}

/** The checks of one thing. */
export function about(area: Check["area"], what: string) {
  const of = (status: Check["status"]) => {
    return (text: string, advice?: string): Check => ({ area, what, status, text: maskText(text), advice });
  };
  const fail = of("fail");
  return {
    ok: of("ok"),
    /** Something to look at; it is not a failure. */
    warn: of("warn"),
    fail,
    /** Not looked at, and why. */
    skip: of("skip"),
    /** The check for an error. It says that the server cannot be reached if the error does. */
    failed(error: unknown, advice?: string): Check {
      const away = [ConnectionError, AuthError, TimeoutError].some((kind) => error instanceof kind);
      return { ...fail(errorText(error), advice), ...(away && { unreachable: true }) };
    },
  };
}

/** Servers that options or environment may name, and what to do when one cannot be looked at. */
const SERVERS = {
  nats: {
    what: "server",
    variable: "NATS_URL",
    advice: "is the server up, the port right, and are user, password or credentials those of this server?",
  },
  redis: {
    what: "server",
    variable: "REDIS_URL",
    advice: "is the server up, and are the port and the password right?",
  },
  neuron: {
    what: "gateway",
    variable: "BIGBRAIN_GATEWAY_URL",
    advice: "is the URL right, and the gateway up?",
  },
  aureus: { what: "server", variable: "AUREUS_URL", advice: "is the URL right, and the server up?" },
  "4runr": { what: "gateway", variable: "GATEWAY_URL", advice: "is the URL right, and the gateway up?" },
} as const;

/** Looks at a server. What was found before an error stays. */
export async function lookAt(
  area: keyof typeof SERVERS,
  { options, env }: Situation,
  look: (url: string, checks: Check[]) => Promise<void>,
): Promise<readonly Check[]> {
  const { what, variable, advice } = SERVERS[area];
  const { skip, fail, failed } = about(area, what);
  const url = optionOrEnv(options[area], variable, env);
  if (url === undefined) {
    const text = `not configured: ${variable} or --${area} URL`;
    const required = area === "nats" && options.role !== undefined;
    return [required ? fail(`${text}, for --role ${options.role}`) : skip(text)];
  }
  const checks: Check[] = [];
  try {
    await look(url, checks);
  } catch (error) {
    checks.push(failed(error, advice));
  }
  return checks;
}
