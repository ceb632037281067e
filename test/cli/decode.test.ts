import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { create, fromJson, type JsonObject } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { BusPacketSchema } from "../../gen/cap/index.js";
import { canonicalBytes, encodePacket } from "../../src/cap/packet.js";
import type { FrameView } from "../../src/cli/packet/frame-view.js";
import type { PacketView } from "../../src/cli/packet/packet-view.js";
import { fromBase64, negative, packets, toBase64 } from "../cap/vectors.ts";
import { req } from "../requirements/index.ts";
import { file, folder, json, run } from "./cli.ts";

const hex = (base64: string) => Buffer.from(base64, "base64").toString("hex");
const decoded = async (...argv: string[]) => {
  const { result } = await json(["decode", ...argv]);
  return result as PacketView;
};

describe("decode", () => {
  it.each(packets)(req("cli.decode.packet", "$name: recorded fields, bytes and digest"), async (vector) => {
    const view = await decoded(file("p.bin", fromBase64(vector.packet_b64)), "--show-secrets");
    const { spec, upb, ordersDiffer } = view.canonical;
    expect((upb ?? spec).hex).toBe(hex(vector.canonical_unsigned_b64));
    expect((upb ?? spec).sha256).toBe(vector.sha256_hex);
    expect(spec.hex).toBe(hex(vector.canonical_unsigned_spec_b64 ?? vector.canonical_unsigned_b64));
    expect(ordersDiffer).toBe(!vector.map_orders_agree);
    expect(view.received).toBe(vector.map_orders_agree ? "both orders" : "upb order");
    expect(view.signature).toBe(hex(vector.signature_der_b64));
    expect(view.issues.map(({ field, message }) => [field, message])).toEqual(vector.sdk_validation_errors);
    expect(view.unknownFields).toEqual([]);
    const { signature, ...fields } = view.fields as Record<string, unknown>;
    expect(signature ?? "").toBe(vector.signature_der_b64);
    // The fields are ProtoJSON: read again they give the same bytes.
    const again = fromJson(BusPacketSchema, fields as JsonObject);
    expect(toBase64(canonicalBytes(again, "upb").bytes)).toBe(vector.canonical_unsigned_b64);
  });

  const unknown = negative.filter(
    ({ name }) => /^unknown_(?!sender|oneof)/.test(name) && !/dropped/.test(name),
  );
  it.each(unknown)(req("cli.decode.packet", "$name: shows fields it does not know"), async (vector) => {
    const view = await decoded(file("p.bin", fromBase64(vector.packet_b64)));
    expect(view.unknownFields.length).toBeGreaterThan(0);
    for (const { path, number, hex } of view.unknownFields) {
      expect(path.split(".").at(-1)).toBe(String(number));
      expect(hex).toMatch(/^(?:[0-9a-f]{2})+$/);
    }
    if (vector.name === "unknown_nested") expect(view.unknownFields[0]!.path).toMatch(/^job_request\.\d+$/);
  });

  it(
    req("cli.input", "reads a file, base64, hex, ProtoJSON, the standard input and a line of tap"),
    async () => {
      const { packet_b64, json } = packets[0]!;
      const bytes = fromBase64(packet_b64);
      const inputs: [string[], (Uint8Array | string)?][] = [
        [[file("p", bytes)]],
        [[packet_b64]],
        [[hex(packet_b64)]],
        [["-"], bytes],
        [[], `${packet_b64}\n`],
        [[], hex(packet_b64).toUpperCase().replace(/../g, "$& ")],
        [["--format", "hex"], `0x${hex(packet_b64)}`],
        [[], JSON.stringify({ ...json, signature: packets[0]!.signature_der_b64 })],
        [[], JSON.stringify({ protocol: "cap", op: "job.x", raw: packet_b64 })],
      ];
      const first = await run(["decode", ...inputs[0]![0]]);
      expect(first.code).toBe(0);
      for (const [argv, input] of inputs) {
        expect(await run(["decode", ...argv], { input }), JSON.stringify(argv)).toEqual(first);
      }
    },
  );

  it("says what it cannot read", async () => {
    const cases: [string[], string, RegExp][] = [
      [["no-such-file"], "", /cannot read no-such-file: no such file/],
      [[], "hello, world!", /text, but neither base64, hex, JSON/],
      [["--format", "base64"], "***", /not base64/],
      [["--format", "json"], "{", /not JSON/],
      [[], '{"traceId": 5}', /not a packet in ProtoJSON/],
      [["--format", "sse"], ": nothing\n", /no event/],
    ];
    for (const [argv, input, text] of cases) {
      const { code, err } = await run(["decode", ...argv], { input });
      expect([code, err], input).toEqual([1, expect.stringMatching(text)]);
    }
    expect((await run(["decode"], { inputIsTerminal: true })).code).toBe(2);
  });

  it(
    req("cli.secrets", "hides a token and the bytes that hold it, until it is asked to show them"),
    async () => {
      const planted = "planted-token-5512";
      const packet = create(BusPacketSchema, {
        traceId: "t",
        senderId: "s",
        protocolVersion: 1,
        authToken: planted,
        payload: { case: "jobRequest", value: { jobId: "j", topic: "t", env: { API_KEY: planted } } },
      });
      const path = file("p", encodePacket(packet));
      for (const argv of [[path], [path, "--json"]]) {
        const { out, err } = await run(["decode", ...argv]);
        expect(out + err).toContain("[secret]");
        expect(out + err).not.toContain(planted);
        expect(out + err).not.toContain(Buffer.from(planted).toString("hex"));
      }
      expect((await run(["decode", path, "--show-secrets"])).out).toContain(planted);
    },
  );

  it("writes the canonical bytes to a file, and does not overwrite one", async () => {
    const { packet_b64, canonical_unsigned_b64 } = packets[0]!;
    const out = join(folder(), "unsigned.bin");
    expect((await run(["decode", packet_b64, "--out", out])).code).toBe(0);
    expect(readFileSync(out).toString("base64")).toBe(canonical_unsigned_b64);
    expect((await run(["decode", packet_b64, "--out", out])).err).toContain(`${out} already exists`);
  });

  it("never lets a packet write to the terminal as it likes", async () => {
    const nasty = "x\u001b[2J\u009b31m\u202e";
    const packet = create(BusPacketSchema, { senderId: nasty, traceId: nasty });
    const { out } = await run(["decode", file("p", encodePacket(packet))]);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what must not be there
    expect(out).not.toMatch(/[\u001b\u009b\u202e]/);
  });
});

describe("decode of neuron frames", () => {
  const traces = join(import.meta.dirname, "../vectors/neuron/traces");

  it(req("cli.decode.frame", "a lease: direction, digest, verdict, unknown members"), async () => {
    const frame = {
      type: "cancel",
      leaseId: "l",
      taskId: "t",
      reason: "r",
      sentAt: "2026-01-01T00:00:00.000Z",
    };
    const text = JSON.stringify({ ...frame, later: 1 });
    const { code, result } = await json(["decode"], { input: text });
    const view = result as FrameView;
    expect(view).toMatchObject({
      type: "cancel",
      direction: "gateway to neuron",
      unknownMembers: expect.arrayContaining(["later"]),
    });
    expect(view.sha256).toBe(createHash("sha256").update(text).digest("hex"));
    expect(code).toBe(view.problem === undefined ? 0 : 1);
    const bad = await run(["decode"], { input: '{"type":"heartbeat","neuronId":""}' });
    expect([bad.code, bad.out]).toEqual([1, expect.stringContaining("neuron to gateway")]);
    const other = await run(["decode"], { input: '{"type":"mystery"}' });
    expect([other.code, other.out]).toEqual([1, expect.stringContaining("unknown type: mystery")]);
  });

  it(req("cli.decode.frame", "a stream that was cut off, with comments and broken JSON"), async () => {
    const stream = ': hi\n\nid: 7\ndata: {"type":"mystery"}\n\ndata: {broken\n\ndata: 42';
    const { code, result } = await json(["decode"], { input: stream });
    const views = result as FrameView[];
    expect(code).toBe(1);
    expect(views.map(({ eventId, problem }) => [eventId, problem?.slice(0, 12)])).toEqual([
      ["7", "a frame of u"],
      [undefined, expect.stringMatching("not JSON: ")],
      [undefined, "a frame must"],
    ]);
  });

  it(req("cli.decode.frame", "every recorded client frame that a gateway took fits"), async () => {
    let seen = 0;
    for (const name of readdirSync(traces).filter((name) => name.endsWith(".jsonl"))) {
      for (const line of readFileSync(join(traces, name), "utf8").trim().split("\n")) {
        const { body } = JSON.parse(line) as { body?: unknown };
        const frame = typeof body === "string" ? tryJson(body) : body;
        if (typeof frame !== "object" || frame === null || !("type" in frame)) continue;
        const { result } = await json(["decode"], { input: JSON.stringify(frame) });
        expect((result as FrameView).type).toBe((frame as { type: unknown }).type);
        seen++;
      }
    }
    expect(seen).toBeGreaterThan(10);
  });
});

function tryJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
