/**
 * The messages of every job with nothing set, as literals: to make one so takes a tenth of the time that it
 * takes from a plan, and code that reads their properties runs faster.
 */
import type { BusPacket, JobRequest, JobResult } from "../../../gen/cap/index.js";

const noBytes = new Uint8Array(0);

export function blankPacket(): BusPacket {
  return {
    $typeName: "cordum.agent.v1.BusPacket",
    traceId: "",
    senderId: "",
    protocolVersion: 0,
    payload: { case: undefined },
    signature: noBytes,
    authToken: "",
  };
}

export function blankRequest(): JobRequest {
  return {
    $typeName: "cordum.agent.v1.JobRequest",
    jobId: "",
    topic: "",
    priority: 0,
    contextPtr: "",
    adapterId: "",
    env: {},
    parentJobId: "",
    workflowId: "",
    stepIndex: 0,
    memoryId: "",
    tenantId: "",
    principalId: "",
    labels: {},
  };
}

export function blankResult(): JobResult {
  return {
    $typeName: "cordum.agent.v1.JobResult",
    jobId: "",
    status: 0,
    resultPtr: "",
    workerId: "",
    executionMs: 0n,
    errorCode: "",
    errorMessage: "",
    artifactPtrs: [],
    errorCodeEnum: 0,
    artifactRefs: [],
  };
}
