/** Jobs that belong together: one workflow id, one trace, numbered steps, a parent (CAP spec 11). */
import type { BusPacket } from "../../../gen/cap/index.js";
import { randomHex, uuid } from "../../core/ids.js";
import { InvalidInputError } from "../errors.js";
import type { JobSubmission } from "./submission.js";

/** Options of {@link Workflow.create}. */
export interface WorkflowOptions {
  /** Default: random. */
  readonly workflowId?: string | undefined;
  /** The job whose children these are. Default: none. */
  readonly parentJobId?: string | undefined;
  /** Default: random. */
  readonly traceId?: string | undefined;
  /** Whose jobs they are, where a job does not say otherwise. Default: none. */
  readonly tenantId?: string | undefined;
  /** Default: none. */
  readonly principalId?: string | undefined;
}

/** Makes the jobs of a workflow. Make one with {@link Workflow.create} or {@link Workflow.continue}. */
export class Workflow {
  readonly workflowId: string;
  readonly parentJobId: string;
  readonly traceId: string;
  readonly #options: WorkflowOptions;
  #nextStep = 0;

  private constructor(options: WorkflowOptions) {
    this.#options = options;
    this.workflowId = options.workflowId || `workflow-${uuid()}`;
    this.parentJobId = options.parentJobId ?? "";
    this.traceId = options.traceId || randomHex(16);
  }

  /** A new workflow. */
  static create(options: WorkflowOptions = {}): Workflow {
    return new Workflow(options);
  }

  /**
   * The workflow that a worker continues with children of the job it runs: the job is their parent, and they share its
   * trace, tenant and principal. A job without a workflow id lends its own.
   *
   * @throws InvalidInputError for a packet that is not a job request.
   */
  static continue({ payload, traceId }: BusPacket): Workflow {
    if (payload.case !== "jobRequest") throw new InvalidInputError("the packet is not a job request");
    const { jobId, workflowId, tenantId, principalId } = payload.value;
    const ids = { workflowId: workflowId || jobId, parentJobId: jobId };
    return new Workflow({ ...ids, traceId, tenantId, principalId });
  }

  /** A job of this workflow, as the next step unless it has a `stepIndex`. What it says itself stays. */
  job(submission: JobSubmission): JobSubmission {
    const { tenantId = "", principalId = "" } = this.#options;
    return {
      ...submission,
      workflowId: submission.workflowId || this.workflowId,
      parentJobId: submission.parentJobId || this.parentJobId,
      tenantId: submission.tenantId || tenantId,
      principalId: submission.principalId || principalId,
      stepIndex: submission.stepIndex || this.#nextStep++,
      traceId: submission.traceId ?? this.traceId,
    } as JobSubmission;
  }

  /** The same workflow with another parent: for the children of one of its jobs. Steps count from 0 again. */
  under(parentJobId: string): Workflow {
    const { workflowId, traceId } = this;
    return new Workflow({ ...this.#options, workflowId, traceId, parentJobId });
  }
}
