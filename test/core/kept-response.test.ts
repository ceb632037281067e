/** The light response answers like the platform's own. */
import { describe, expect, it } from "vitest";
import { KeptResponse } from "../../src/core/kept-response.js";
import { mask } from "../../src/core/mask.js";
import { req } from "../requirements/index.ts";

const text = '\uFEFF{"é":"😀"}';
const raw = { "content-type": "application/json", "x-a": "1, 2", "set-cookie": ["a=1", "b=2"] };

function both(status = 201, body = text): [KeptResponse, Response] {
  const bytes = new Uint8Array(Buffer.from(body));
  const own = new Response(status === 204 ? null : bytes, { status, statusText: "Made" });
  for (const [name, value] of Object.entries(raw))
    for (const one of [value].flat()) own.headers.append(name, one);
  return [new KeptResponse({ status, statusText: "Made", headers: raw, bytes, url: "http://h/" }), own];
}

/** The same question to both. */
async function alike(ask: (response: Response) => unknown, status?: number, body?: string): Promise<unknown> {
  const [kept, own] = both(status, body);
  const expected = await ask(own);
  expect(await ask(kept)).toEqual(expected);
  return expected;
}

describe("KeptResponse", () => {
  it(req("core.http.kept-response", "gives what the platform's response gives"), async () => {
    await alike(({ status, statusText, ok, redirected, bodyUsed }) => [
      status,
      statusText,
      ok,
      redirected,
      bodyUsed,
    ]);
    await alike(({ ok, body }) => [ok, body], 204, "");
    expect(await alike((response) => response.text())).toBe('{"é":"😀"}');
    await alike((response) => response.json());
    await alike(async (response) => [...new Uint8Array(await response.arrayBuffer())]);
    await alike(async (response) => (await response.blob()).text());
    await alike(async (response) => [await response.clone().text(), await response.text()]);
    await alike(async (response) => {
      const parts: number[] = [];
      for await (const part of response.body as unknown as AsyncIterable<Uint8Array>) parts.push(...part);
      return [parts, response.bodyUsed];
    });
    await alike(async (response) => {
      void response.body;
      return [await response.text(), response.bodyUsed];
    });
    const form = (response: Response) => response.formData().then((data) => [...data]);
    await alike((response) => form(response).catch((error: Error) => error.name));
    const [kept] = both();
    expect([kept instanceof Response, kept.headers instanceof Headers, kept.url]).toEqual([
      true,
      true,
      "http://h/",
    ]);
    expect(await kept.bytes()).toEqual(new Uint8Array(Buffer.from(text)));
  });

  it("has a body that is read once", async () => {
    const readers = ["text", "json", "arrayBuffer", "blob"] as const;
    for (const first of readers) {
      for (const second of readers) {
        await alike(async (response) => {
          await response[first]();
          const error: unknown = await response[second]().catch((thrown: unknown) => thrown);
          return [response.bodyUsed, error instanceof TypeError];
        });
      }
      const [kept] = both();
      await kept[first]();
      expect(() => kept.clone()).toThrow(TypeError);
    }
  });

  it("hands out memory of its own", async () => {
    const bytes = Buffer.from("secret neighbour|body").subarray(17) as unknown as Uint8Array<ArrayBuffer>;
    const kept = new KeptResponse({ status: 200, statusText: "", headers: {}, bytes, url: "" });
    expect((await kept.arrayBuffer()).byteLength).toBe(4);
  });

  it("has headers like the platform's, before and after they are changed", async () => {
    const asks: ((headers: Headers) => unknown)[] = [
      (headers) => [headers.get("X-A"), headers.get("x-b"), headers.has("content-TYPE"), headers.has("x-b")],
      (headers) => headers.get("set-cookie"),
      (headers) => headers.getSetCookie(),
      (headers) => [...headers],
      (headers) => [[...headers.keys()], [...headers.values()], [...headers.entries()]],
      (headers) => {
        const seen: string[] = [];
        headers.forEach((value, name, all) => void seen.push(`${name}=${value}${all === headers}`));
        return seen;
      },
      (headers) => [...new Headers(headers)],
    ];
    for (const ask of asks) {
      await alike(({ headers }) => ask(headers));
      await alike(({ headers }) => {
        headers.set("x-a", "3");
        headers.append("x-b", "4");
        headers.append("x-b", "5");
        headers.delete("content-type");
        return ask(headers);
      });
    }
  });

  it("is masked in logs like the platform's", () => {
    const headers = { authorization: "planted" };
    const kept = new KeptResponse({ status: 200, statusText: "", headers, bytes: new Uint8Array(), url: "" });
    expect(JSON.stringify(mask({ headers: kept.headers, kept }))).not.toContain("planted");
  });
});
