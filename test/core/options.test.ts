import { describe, expect, it } from "vitest";
import { AureusClient, AureusConsoleClient, Telemetry } from "../../src/aureus/index.js";
import { systemClock } from "../../src/core/clock.js";
import { ValidationError } from "../../src/core/errors.js";
import {
  atLeastOne,
  checkOption,
  checkOptions,
  exactCount,
  milliseconds,
  type OptionRule,
} from "../../src/core/options.js";
import { HttpClient } from "../../src/http/index.js";
import { HttpTransport, memoryTransport, Neuron } from "../../src/neuron/index.js";
import { IpcTransport } from "../../src/neuron/ipc/index.js";

describe("checkOptions", () => {
  const rules = {
    ms: milliseconds,
    count: atLeastOne,
    every: { above: 0, max: Number.MAX_VALUE },
    share: { min: 0, max: 1 },
    mode: ["on", "off"],
    run: "function",
    flag: "boolean",
    text: "string",
    list: "list",
    object: "object",
  } as const;

  it("takes what is within bounds, and what is left out", () => {
    const good = { ms: 0, count: Infinity, every: 0.5, share: 1, mode: "off", run: () => 1, flag: false };
    for (const given of [good, {}, { ms: undefined }, { text: "", list: [], object: {}, other: Number.NaN }])
      expect(() => checkOptions<Record<string, unknown>>(given, rules)).not.toThrow();
  });

  it.each([
    [{ ms: -1 }, "ms must be a number of at least 0, found -1"],
    [{ ms: Number.NaN }, "ms must be a number of at least 0, found NaN"],
    [{ ms: "5" }, 'ms must be a number of at least 0, found "5"'],
    [{ ms: null }, "ms must be a number of at least 0, found null"],
    [{ count: 1.5 }, "count must be a whole number of at least 1, found 1.5"],
    [{ every: Infinity }, "every must be a number above 0 and finite, found Infinity"],
    [{ every: 0 }, "every must be a number above 0 and finite, found 0"],
    [{ share: 1.1 }, "share must be a number of at least 0 and at most 1, found 1.1"],
    [{ mode: "On" }, 'mode must be "on" or "off", found "On"'],
    [{ run: {} }, "run must be a function, found a value of type object"],
    [{ flag: "yes" }, 'flag must be true or false, found "yes"'],
    [{ text: 5 }, "text must be a string, found 5"],
    [{ list: {} }, "list must be a list, found a value of type object"],
    [{ object: null }, "object must be an object, found null"],
    [null, "the options must be an object, found null"],
  ])("refuses %j", (given, message) => {
    const check = (): void => checkOptions<Record<string, unknown>>(given as never, rules);
    expect(check).toThrow(ValidationError);
    expect(check).toThrow(message);
  });
});

it.each<[OptionRule, readonly unknown[], readonly unknown[], string]>([
  ["boolean", [true, false], [0, "true", null], "true or false"],
  ["function", [() => {}], [{}, null], "a function"],
  ["object", [{}, []], [null, "x", () => {}], "an object"],
  ["list", [[]], [{}, "x", null], "a list"],
  ["string", ["", "x"], [5, null], "a string"],
  ["text", ["x"], ["", 5], "a string that is not empty"],
  ["clock", [systemClock], [{}, null, { ...systemClock, monotonic: 5 }, () => {}], "a clock"],
  ["strings", [{}, { a: "x" }], [{ a: 5 }, ["x"], null, "x"], "an object of strings"],
  ["booleans", [{}, { a: true }], [{ a: 5 }, [true], null, true], "an object of booleans"],
  ["signal", [AbortSignal.abort()], [{}, null, { aborted: true }], "an AbortSignal"],
  [["a", "b"], ["a", "b"], ["c", "", null, ["a"]], '"a" or "b"'],
  [{ has: ["get", "set"] }, [new Map()], [new Set(), null, () => {}], "an object with get, set"],
  [{ has: ["get"], orFunction: true }, [new Map(), () => {}], [{}, 5], "an object with get, or a function"],
  [{ min: 1, orFunction: true }, [1, () => {}], [0, {}], "a number of at least 1, or a function"],
  [milliseconds, [0, 0.5, Infinity], [-1, Number.NaN, "1"], "a number of at least 0"],
  [atLeastOne, [1, Infinity], [0, 1.5], "a whole number of at least 1"],
  [exactCount, [1, Number.MAX_SAFE_INTEGER], [0, "x"], "a whole number of at least 1"],
  [exactCount, [], [Infinity, 2 ** 53], "a whole number of at least 1 and at most 9007199254740991"],
  [{ above: 1, max: 3 }, [1.5, 3], [1, 3.5], "a number above 1 and at most 3"],
  [{ max: Number.MAX_VALUE }, [-1, Number.MAX_VALUE], [Infinity], "a number and finite"],
])("by the rule %j takes %o and refuses %o", (rule, good, bad, words) => {
  for (const value of good) expect(() => checkOption("it", value, rule)).not.toThrow();
  const shown = (value: unknown): string =>
    typeof value === "string"
      ? JSON.stringify(value)
      : typeof value === "number"
        ? `${value}`
        : `a value of type ${typeof value}`;
  for (const value of bad)
    expect(() => checkOption("it", value, rule)).toThrow(
      expect.objectContaining({
        code: "VALIDATION",
        message: `it must be ${words}, found ${value === null ? "null" : shown(value)}`,
      }),
    );
});

it("shows the start of a long text that is refused", () => {
  const check = () => checkOption("it", "x".repeat(41), "boolean");
  expect(check).toThrow(/found "x{40}"$/);
});

describe.each<[string, (options: object) => unknown, string[], string[]]>([
  [
    "Neuron",
    (options) => new Neuron({ neuronId: "n", transport: memoryTransport().transport, ...options }),
    ["heartbeatIntervalMs", "cancelGraceMs", "dedupeTasks", "answerRetryMs"],
    [
      "schemaSource",
      "protocolVersion",
      "expired",
      "exposeErrors",
      "middleware",
      "clock",
      "random",
      "validator",
      "transport",
    ],
  ],
  [
    "HttpTransport",
    (options) => new HttpTransport({ gatewayUrl: "http://h", neuronId: "n", auth: () => "t", ...options }),
    [
      "initialReconnectDelayMs",
      "maxReconnectDelayMs",
      "reconnectJitter",
      "idleTimeoutMs",
      "requestTimeoutMs",
      "maxEventBytes",
      "maxSockets",
    ],
    ["alwaysReconnect", "auth", "fetch", "allowInsecure"],
  ],
  [
    "HttpClient",
    (options) => new HttpClient({ baseUrl: "http://h", ...options }),
    ["timeoutMs", "totalTimeoutMs", "connections", "maxBodyBytes"],
    ["fetch", "tls", "headers", "middleware", "clock", "random", "allowInsecure"],
  ],
  ["AureusClient", (options) => new AureusClient(options), ["timeoutMs", "connections"], ["fetch"]],
  ["AureusConsoleClient", (options) => new AureusConsoleClient(options), ["refreshBeforeMs"], []],
  [
    "Telemetry",
    (options) => new Telemetry({ sink: {} as never, ...options }),
    ["capacity", "flushSize", "flushIntervalMs", "concurrency", "graceMs"],
    ["sink", "tags", "clock", "random"],
  ],
  [
    "IpcTransport",
    (options) => new IpcTransport({ bridge: {} as never, neuronId: "n", ...options }),
    [],
    ["bridge"],
  ],
])("%s", (_, make, numbers, others) => {
  const odd = (name: string, values: readonly unknown[]) =>
    values.map((value): [string, unknown] => [name, value]);

  it.each([
    ...numbers.flatMap((name) => odd(name, [Number.NaN, -1, "5", null, {}])),
    ...others.flatMap((name) => odd(name, ["unheard-of", null, 5])),
  ])("refuses %s: %s by its name", (name, value) => {
    const construct = () => make({ [name]: value });
    expect(construct).toThrow(ValidationError);
    expect(construct).toThrow(new RegExp(`^${name} (must be|is required)`));
  });
});
