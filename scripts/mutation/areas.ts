/** A part of the package that is mutated in one run. */
export interface Area {
  /** The sources to mutate, as globs. */
  readonly mutate: readonly string[];
  /** The tests that can reach them, as globs: all but the slow ones and those that start servers, processes or browsers. */
  readonly tests: readonly string[];
}

/** Most critical first: what is signed and verified, who owns a job, who is let in, what is sent again. */
export const AREAS: Readonly<Record<string, Area>> = {
  signing: {
    mutate: ["src/cap/{packet,verify,party,replay,timestamp,validate}.ts", "src/cap/agent/cancels.ts"],
    tests: [
      "test/cap/{packet,party,options,trust,unknown-payload,helpers,worker,job-client}.test.ts",
      "test/cap/{production-resources,production-vectors}.test.ts",
      "test/cap-agent/absence.test.ts",
    ],
  },
  codec: {
    mutate: ["src/cap/wire/*.ts"],
    tests: [
      "test/cap/{canonical,hostile-packets,hot-path,packet,party,unknown-payload,vectors,production-vectors}.test.ts",
    ],
  },
  keys: {
    mutate: ["src/cap/crypto/*.ts"],
    tests: ["test/cap/{key-files,key-folder,keys,options,packet,party,trust,vectors}.test.ts"],
  },
  lease: {
    mutate: [
      "src/neuron/{lease,run-lease,answer,session,dispatcher,inbound,connection,frame-check,frames}.ts",
    ],
    tests: [
      "test/neuron/{connection,frames,fuzz,http-transport,ipc,lease-life,neuron,stream,traces}.test.ts",
      "test/neuron/local-big-brain{,-faults,-neuron,-strict,-workflow}.test.ts",
      "test/worker/*.test.ts",
    ],
  },
  token: {
    mutate: [
      "src/4runr/{token,proof}.ts",
      "src/neuron/auth/*.ts",
      "src/neuron/callback-auth.ts",
      "src/http/{auth,renewable}.ts",
    ],
    tests: [
      "test/4runr/{token,call,given-up,secrets,faults,errors,own-tools,recordings}.test.ts",
      "test/neuron/{auth,auth-traces,http-transport,connection,traces}.test.ts",
      "test/http/{auth,call,middleware,odd-fetch,time}.test.ts",
      "test/aureus/client.test.ts",
    ],
  },
  retry: {
    mutate: [
      "src/core/{retry,retry-policy,retry-after,never-sent,time,loop,cut,abort}.ts",
      "src/http/{layers,hiding,call,flight}.ts",
      "src/4runr/{dedupe,sends,sender}.ts",
    ],
    tests: [
      "test/core/{retry,retry-policy,retry-after,never-sent,time,loop,abort,close}.test.ts",
      "test/http/{auth,bad-input,bad-response,bodies,call,events,facts,middleware}.test.ts",
      "test/http/{odd-fetch,pages,pool,raw,response-promise,results,retry,time}.test.ts",
      "test/4runr/{call,call-limits,call-params,errors,faults,given-up,own-tools,recordings,secrets,token}.test.ts",
      "test/aureus/client.test.ts",
    ],
  },
  telemetry: {
    mutate: ["src/aureus/telemetry-retry.ts"],
    tests: ["test/aureus/{client,telemetry,telemetry-loss}.test.ts"],
  },
  policy: {
    mutate: [
      "src/cap/safety/*.ts",
      "src/aureus/engine/{gate,goal-guard,permissions,risk,commit-check,recovery}.ts",
      "src/4runr/{policy,params,prepare,quota,rate}.ts",
    ],
    tests: [
      "test/cap-control/{safety,scheduler-safety,scheduler}.test.ts",
      "test/aureus/{approval,approval-wait,engine-*,local-operations,local-v1,v1-vectors}.test.ts",
      "test/4runr/{call-params,call-limits,faults,given-up,local-policy,local-replay,own-tools}.test.ts",
      "test/4runr/{call,recordings,secrets,token}.test.ts",
    ],
  },
  worker: {
    mutate: ["src/worker/*.ts", "src/core/close.ts"],
    tests: ["test/worker/*.test.ts", "test/core/close.test.ts"],
  },
  trust: {
    mutate: ["src/cap/trust/*.ts"],
    tests: [
      "test/cap/{trust,trust-mutations,trust-rules,worker-trust-session,worker-trust-vectors}.test.ts",
      "test/cap-agent/trust.test.ts",
    ],
  },
  production: {
    mutate: ["src/cap/production/*.ts"],
    tests: [
      "test/cap/{production-resources,production-rules,production-vectors,trust-mutations}.test.ts",
      "test/cap-agent/{control,handlers,trust,secrets}.test.ts",
    ],
  },
  core: {
    mutate: ["src/core/*.ts"],
    tests: [
      "test/core/*.test.ts",
      "test/worker/*.test.ts",
      "test/cap/{helpers,options,party}.test.ts",
      "test/cap-agent/{closing,lifecycle,presence}.test.ts",
      "test/http/{auth,call,results,time,visible}.test.ts",
      "test/neuron/{frames,ipc,neuron}.test.ts",
      "test/4runr/call-params.test.ts",
      "test/otel/otel.test.ts",
    ],
  },
  http: {
    mutate: ["src/http/*.ts"],
    tests: [
      "test/http/*.test.ts",
      "test/4runr/{call,call-limits,call-params,errors,faults,given-up,own-tools,recordings,secrets,token}.test.ts",
      "test/aureus/{approval,client,console,telemetry-loss}.test.ts",
      "test/neuron/{auth,auth-traces,connection,http-transport,stream,traces}.test.ts",
      "test/core/options.test.ts",
    ],
  },
};
