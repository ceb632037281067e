import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { errorFromGateway } from "../../src/4runr/error-table.js";
import * as errors from "../../src/4runr/errors.js";
import { generateCorrelationId } from "../../src/4runr/ids.js";
import { generateIdempotencyKey, generateIdempotencyKeyFromData } from "../../src/4runr/index.js";
import { readToken } from "../../src/4runr/proof.js";
import * as core from "../../src/core/errors.js";
import { FakeClock } from "../../src/testing/fake-clock.js";
import { req } from "../requirements/index.ts";
import { failure, search, setUp } from "./scripted.ts";

const external = (details: unknown) => ({ error: "External API request failed", details });

describe("the error table", () => {
  it.each([
    [502, external("x"), errors.GatewayUpstreamError, core.UpstreamError, true],
    [500, external({ error: "up" }), errors.GatewayUpstreamError, core.UpstreamError, true],
    [429, external({}), errors.GatewayUpstreamError, core.UpstreamError, true],
    [404, external({}), errors.GatewayUpstreamError, core.UpstreamError, false],
    [401, external({}), errors.GatewayUpstreamError, core.UpstreamError, false],
    [
      502,
      external("Circuit breaker is OPEN for 30000ms"),
      errors.GatewayCircuitOpenError,
      core.UpstreamError,
      true,
    ],
    [403, { error: "Policy denied", reason: "r" }, errors.GatewayPolicyError, core.PolicyDeniedError, false],
    [403, { error: "Token expired" }, errors.GatewayTokenError, core.AuthError, false],
    [403, { error: "Token has been revoked" }, errors.GatewayTokenError, core.AuthError, false],
    [403, { error: "Token decryption failed" }, errors.GatewayTokenError, core.AuthError, false],
    [400, { error: "Invalid token format. Expected: x" }, errors.GatewayTokenError, core.AuthError, false],
    [403, { error: "Agent not found" }, errors.GatewayAuthError, core.AuthError, false],
    [401, { error: "u" }, errors.GatewayAuthError, core.AuthError, false],
    [
      429,
      { error: "Rate limit exceeded", retry_after: 3 },
      errors.GatewayRateLimitError,
      core.RateLimitError,
      true,
    ],
    [
      400,
      { error: "Parameter validation failed", details: ["a: b"] },
      errors.GatewayValidationError,
      core.ValidationError,
      false,
    ],
    [422, { error: "Validation failed" }, errors.GatewayValidationError, core.ValidationError, false],
    [
      400,
      { error: "Validation error", details: [{ message: "scope" }] },
      errors.GatewayValidationError,
      core.ValidationError,
      false,
    ],
    [400, { error: "missing SCOPE" }, errors.GatewayPolicyError, core.PolicyDeniedError, false],
    [404, { error: "Agent not found." }, errors.GatewayNotFoundError, core.NotFoundError, false],
    [409, { error: "c" }, errors.GatewayConflictError, core.ConflictError, false],
    [
      413,
      { statusCode: 413, error: "Payload Too Large", message: "too large" },
      errors.GatewayValidationError,
      core.ValidationError,
      false,
    ],
    [
      503,
      { error: "serpapi not configured - no active credential found" },
      errors.GatewayUpstreamError,
      core.UpstreamError,
      false,
    ],
    [503, { error: "Service is shutting down" }, errors.GatewayUpstreamError, core.UpstreamError, true],
    [
      500,
      { error: "Internal server error during proxy request" },
      errors.GatewayError,
      core.AgentwireError,
      true,
    ],
    [418, { message: "no error field" }, errors.GatewayError, core.AgentwireError, false],
    [502, "<html>", errors.GatewayUpstreamError, core.UpstreamError, true],
    [400, undefined, errors.GatewayValidationError, core.ValidationError, false],
  ])(req("fourRunr.errors.table", "%s %j"), async (status, body, type, decision, retryable) => {
    const { gw } = setUp([{ status, body: body ?? "" }], { retry: false });
    const error = await failure(gw.proxy("serpapi", "search", search));
    expect([error instanceof type, error instanceof decision, error.name]).toEqual([
      true,
      true,
      type.brands[0],
    ]);
    expect([error.statusCode, error.retryable]).toEqual([status, retryable]);
    expect(error.correlationId).toMatch(/^req_\d+_[0-9a-z]{9,13}$/);
  });

  it("says what the gateway said, wherever it put the text", () => {
    const messageOf = (status: number, body: unknown) =>
      errorFromGateway({ status, headers: new Headers(), text: "", body })!.message;
    expect(messageOf(400, { statusCode: 400, error: "Bad Request", message: "body must have 'spec'" })).toBe(
      "body must have 'spec'",
    );
    expect(messageOf(502, "<html>")).toBe("HTTP 502");
    expect(messageOf(403, { error: "Policy denied", reason: "Day 6" })).toBe("Policy denied: Day 6");
    expect(
      errorFromGateway({ status: 302, headers: new Headers(), text: "", body: undefined }),
    ).toBeUndefined();
  });

  it("a quota's refusal says when it begins anew", async () => {
    const reason = "Quota exceeded for http_fetch:get: 1/1 (resets at 2026-11-22T00:00:00.000Z)";
    const { gw } = setUp([{ status: 403, body: { error: "Policy denied", reason } }]);
    const error = await failure(gw.proxy("serpapi", "search", search));
    expect(error).toMatchObject({ kind: "quota", reason, resetAt: new Date("2026-11-22T00:00:00.000Z") });
  });

  const now = Date.UTC(2026, 0, 1);
  it.each([
    [{ retry_after: 60 }, {}, 60],
    [{ retryAfter: 5 }, { "retry-after": "9" }, 5],
    [{ retry_after_ms: 1500 }, {}, 1.5],
    [{}, { "retry-after": "7" }, 7],
    [{}, { "retry-after": new Date(now + 30_000).toUTCString() }, 30],
    [{}, { "retry-after": "Wed, 21 Oct 2015 07:28:00 GMT" }, 0],
    [{}, { "retry-after": "soon" }, undefined],
  ])(req("fourRunr.errors.retry-after", "%j and %j"), async (more, headers, seconds) => {
    const clock = new FakeClock({ now });
    const body = { error: "Rate", ...more };
    const { gw } = setUp([{ status: 429, body, headers }], { clock });
    const error = await failure(gw.proxy("serpapi", "search", search));
    expect(error.retryAfter).toBe(seconds);
    expect(error.retryAfterMs).toBe(seconds === undefined ? undefined : seconds * 1000);
  });

  it("any status and body gives an error of the family that can be read", () => {
    fc.assert(
      fc.property(fc.integer({ min: 400, max: 599 }), fc.jsonValue(), (status, body) => {
        const error = errorFromGateway({ status, headers: new Headers(), text: "", body })!;
        expect(error).toBeInstanceOf(errors.GatewayError);
        expect(error.statusCode).toBe(status);
        expect(error.message.length).toBeLessThan(2_000);
      }),
    );
  });
});

describe("ids and keys", () => {
  const vectors = JSON.parse(
    readFileSync(join(import.meta.dirname, "../vectors/4runr/crypto.json"), "utf8"),
  ) as Record<string, { tool: string; action: string; params: object; key: string }[]> & {
    signed_token_current: { token: string; payload_json: string };
    encrypted_token_older: { token: string };
  };

  it.each([
    ["python", vectors.idempotency_key_from_data_py!],
    ["javascript", vectors.idempotency_key_from_data_js!],
  ] as const)(req("fourRunr.idempotency.keys", "%s"), (mode, cases) => {
    for (const { tool, action, params, key } of cases) {
      expect(generateIdempotencyKeyFromData(tool, action, params, mode)).toBe(key);
    }
    expect(cases.length).toBeGreaterThan(2);
  });

  it("the canonical key does not depend on the order of members, at any depth", () => {
    const one = generateIdempotencyKeyFromData("t", "a", { b: 1, a: { d: [1, { z: 1, y: 2 }], c: "é" } });
    const two = generateIdempotencyKeyFromData("t", "a", { a: { c: "é", d: [1, { y: 2, z: 1 }] }, b: 1 });
    expect(one).toBe(two);
    expect(one).not.toBe(generateIdempotencyKeyFromData("t", "a", { b: 2 }));
  });

  it("random ones have the vendor's forms and differ", () => {
    expect(generateIdempotencyKey()).toMatch(
      /^idemp_\d+_[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    );
    expect(generateCorrelationId()).toMatch(/^req_\d+_[0-9a-z]{9,13}$/);
    expect(new Set(Array.from({ length: 1000 }, () => generateCorrelationId(1))).size).toBe(1000);
  });

  it("a token is read as far as it can be", () => {
    const { token, payload_json } = vectors.signed_token_current;
    expect(readToken(token).payload).toBe(payload_json);
    expect(readToken(vectors.encrypted_token_older.token)).toEqual({});
    fc.assert(fc.property(fc.string(), (text) => typeof readToken(text) === "object"));
  });
});
