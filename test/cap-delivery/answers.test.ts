import { inspect } from "node:util";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isAnswer, readAnswer } from "../../src/cap/jetstream/api.js";
import { deliveryOf } from "../../src/cap/jetstream/delivery.js";
import { RedisResultCache } from "../../src/cap/redis/index.js";
import { AgentwireError, ProtocolError, UnsupportedError, UpstreamError } from "../../src/core/errors.js";

const bytes = (text: string) => new TextEncoder().encode(text);
const thrown = (call: () => unknown): unknown => {
  try {
    return call();
  } catch (error) {
    return error;
  }
};

describe("answers of JetStream", () => {
  it("are objects, or errors with the server's number", () => {
    expect(readAnswer(bytes('{"stream":"S","seq":1}'), "publish")).toEqual({ stream: "S", seq: 1 });
    const missing = thrown(() =>
      readAnswer(bytes('{"error":{"code":404,"err_code":10059,"description":"stream not found"}}'), "x"),
    );
    expect(missing).toBeInstanceOf(UpstreamError);
    expect(missing).toMatchObject({ code: "JETSTREAM_10059", retryable: false });
    expect([isAnswer(missing, 10059), isAnswer(missing, 1), isAnswer(new Error("x"), 1)]).toEqual([
      true,
      false,
      false,
    ]);
    const busy = thrown(() => readAnswer(bytes('{"error":{"code":503,"err_code":10008}}'), "x"));
    expect(busy).toMatchObject({ retryable: true });
    const off = thrown(() => readAnswer(bytes('{"error":{"code":503,"err_code":10039}}'), "x"));
    expect(off).toBeInstanceOf(UnsupportedError);
  });

  it("that are junk are errors of ours", () => {
    for (const junk of ["", "null", "[]", "1", "{", '"x"', "+OK"]) {
      expect(
        thrown(() => readAnswer(bytes(junk), "x")),
        junk,
      ).toBeInstanceOf(ProtocolError);
    }
    fc.assert(
      fc.property(fc.oneof(fc.json().map(bytes), fc.uint8Array()), (data) => {
        const answer = thrown(() => readAnswer(data, "x"));
        if (answer instanceof Error) expect(answer).toBeInstanceOf(AgentwireError);
        else expect(typeof answer).toBe("object");
      }),
    );
  });
});

describe("the number of a delivery", () => {
  it.each([
    ["$JS.ACK.S.C.3.10.4.1700000000000000000.0", 3, "S:10"],
    ["$JS.ACK.domain.hash.S.C.7.10.4.1700000000000000000.0", 7, "S:10"],
    ["$JS.ACK._.hash.S.C.2.10.4.1700000000000000000.0.token", 2, "S:10"],
    ["$JS.ACK.S.C.x", 1, "S:undefined"],
    ["$JS.ACK", 1, "undefined:undefined"],
  ])("of %s is %s, of message %s", (subject, attempt, messageId) => {
    expect(deliveryOf(subject)).toEqual({ attempt, messageId });
  });
});

it("a store of finished jobs does not show the password of its URL", () => {
  const store = new RedisResultCache({ url: "redis://user:hunter2@127.0.0.1:1/0" });
  expect(inspect(store, { depth: 9, showHidden: true }) + JSON.stringify(store)).not.toContain("hunter2");
});

it("a duplicate that is still in process is worth another attempt", () => {
  const error = { code: 409, err_code: 10158, description: "duplicate message id is in process" };
  const read = () => readAnswer(new TextEncoder().encode(JSON.stringify({ error })), "publish");
  expect(read).toThrow(expect.objectContaining({ code: "JETSTREAM_10158", retryable: true }));
});
