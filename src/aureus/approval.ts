/** A decision of a human about one action, and the wait for it. */
import type { GuardDecision, WorkflowEvent } from "../../gen/aureus/console/models.js";
import { type Clock, sleep, systemClock } from "../core/clock.js";
import { Cut } from "../core/cut.js";
import { errorText, TimeoutError, UnsupportedError } from "../core/errors.js";
import { isObject } from "../core/json.js";
import { type Logger, safeLogger } from "../core/logger.js";
import { checkOption, milliseconds } from "../core/options.js";
import { limitOf } from "../http/client.js";
import type { CallOptions } from "../http/index.js";
import { mayPass } from "./telemetry-retry.js";

/** The action or task that waits for approval. */
export interface ActionRef {
  /** The id of the task, or of the action that the policy guard judged. */
  readonly taskId: string;
  readonly approvalToken?: string | null | undefined;
}

/** The decision of a human. */
export interface ApprovalDecision {
  readonly approved: boolean;
  /** In the server's words, such as "Approved by operator". */
  readonly reason: string;
}

/** Options of {@link PendingApproval.wait}. */
export interface ApprovalWait {
  /** Delay between two polls, in milliseconds. Default: 2,000. */
  readonly intervalMs?: number | undefined;
  /** Limit of the whole wait, in milliseconds. 0 or `Infinity`: none. Default: none. */
  readonly totalTimeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Where the decisions on an action are read. */
interface EventSource {
  getWorkflowEvents(workflowId: string, options?: CallOptions): PromiseLike<readonly WorkflowEvent[]>;
}

interface PendingInit extends ActionRef {
  readonly workflowId: string;
  /** What the policy guard said; absent for an approval that something else asked for. */
  readonly decision?: GuardDecision | undefined;
  /** Events that were there before the guard was asked; none of them can be the decision. */
  readonly known?: readonly WorkflowEvent[] | undefined;
  readonly clock?: Clock | undefined;
  readonly logger?: Logger | false | undefined;
}

/**
 * One action that may need a human's approval. Bound to the action and to the moment in which its token was issued: an
 * earlier decision, or one on another action of the same workflow, never counts.
 */
export class PendingApproval {
  /** True if the action may be done without anybody's approval. */
  readonly allowed: boolean;
  /** True if a human has to decide. */
  readonly requiresHumanApproval: boolean;
  /** Why, in the server's words. */
  readonly reason: string;
  /** What the operator needs: `approve(workflowId, { taskId, approvalToken })`. Good for one hour, and once. */
  readonly approvalToken: string | undefined;
  readonly workflowId: string;
  readonly taskId: string;
  readonly #source: EventSource;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #known: ReadonlySet<string> | undefined;

  /** @internal */
  constructor(source: EventSource, init: PendingInit) {
    const { decision, known, clock = systemClock, logger, workflowId, taskId, approvalToken } = init;
    this.allowed = decision?.allowed === true;
    this.requiresHumanApproval = decision === undefined || decision.requiresHumanApproval === true;
    this.reason = decision?.reason ?? "waits for approval";
    this.approvalToken = approvalToken ?? undefined;
    this.workflowId = workflowId;
    this.taskId = taskId;
    this.#source = source;
    this.#clock = clock;
    this.#logger = safeLogger(logger);
    this.#known = known && new Set(known.map(identity));
  }

  /**
   * Waits until a human has approved or denied the action. The server has no push, so this polls; it goes on while the
   * server cannot be reached. An action that is allowed or forbidden anyway resolves at once. An approval resumes
   * nothing: whoever waits does the action.
   *
   * @throws UnsupportedError `NO_APPROVAL_TOKEN` if the server issued no token, so that nobody could approve;
   * TimeoutError after `totalTimeoutMs`; AbortError; what a poll throws that no later poll would mend.
   */
  async wait(options: ApprovalWait = {}): Promise<ApprovalDecision> {
    const { allowed, reason } = this;
    if (allowed || !this.requiresHumanApproval) return { approved: allowed, reason };
    if (this.approvalToken === undefined) {
      throw new UnsupportedError(
        `${this.taskId} needs approval, but the server issued no token to approve it with`,
        {
          code: "NO_APPROVAL_TOKEN",
        },
      );
    }
    const { intervalMs = 2_000, totalTimeoutMs, signal } = options;
    checkOption("intervalMs", intervalMs, milliseconds);
    const ms = limitOf(totalTimeoutMs, "totalTimeoutMs");
    const late = (): Error => new TimeoutError(`nobody decided on ${this.taskId} within ${ms} ms`);
    const cut = new Cut([signal], { ms, clock: this.#clock, late });
    try {
      for (let known = this.#known; ; ) {
        const { events, askedMs = 0 } = await this.#read(cut);
        // Without a time in the token only what comes after the first look is known to be later.
        if (events !== undefined)
          known ??= this.#issuedAt === undefined ? new Set(events.map(identity)) : new Set();
        const decided = events?.find((event) => isObject(event) && this.#decides(event, known));
        if (decided !== undefined) return decisionOf(decided);
        await sleep(Math.max(intervalMs, askedMs), { clock: this.#clock, signal: cut.signal });
      }
    } finally {
      cut.done();
    }
  }

  /** The events now; none while the server cannot be reached, but perhaps the wait that it asked for. */
  async #read(cut: Cut): Promise<{ events?: readonly WorkflowEvent[]; askedMs?: number | undefined }> {
    try {
      return { events: await this.#source.getWorkflowEvents(this.workflowId, { signal: cut.signal }) };
    } catch (error) {
      if (cut.reason !== undefined) throw cut.reason;
      if (!mayPass(error)) throw error;
      this.#logger.warn("the decision could not be read; trying again", { reason: errorText(error) });
      return { askedMs: error.retryAfterMs };
    }
  }

  /** When the token was issued, on the server's clock: the server writes it into the token. */
  get #issuedAt(): number | undefined {
    const digits = /-(\d{13})-[0-9a-f]+$/.exec(this.approvalToken ?? "")?.[1];
    return digits === undefined ? undefined : Number(digits);
  }

  #decides(event: WorkflowEvent, known: ReadonlySet<string> | undefined): boolean {
    if (event.type !== "ROLLBACK_POLICY_DECISION" || event.taskId !== this.taskId) return false;
    if (known?.has(identity(event)) === true) return false;
    return Date.parse(event.timestamp) >= (this.#issuedAt ?? 0);
  }
}

function identity(event: WorkflowEvent): string {
  return JSON.stringify(event);
}

/** Only an explicit approval is one. */
function decisionOf({ metadata }: WorkflowEvent): ApprovalDecision {
  const { allowed, reason } = (metadata?.policyDecision ?? {}) as {
    readonly allowed?: unknown;
    reason?: unknown;
  };
  return { approved: allowed === true, reason: typeof reason === "string" ? reason : "" };
}
