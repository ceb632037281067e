/** The inspector page in a real browser. */

import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { afterAll, afterEach, describe, expect, it } from "vitest";
import { type Browser, launchBrowser, type Page } from "../../../scripts/browser.ts";
import { samplesOf } from "../../../src/cli/dev/input.js";
import { parseCapture } from "../../../src/cli/inspector/record.js";
import { Recorder } from "../../../src/cli/inspector/recorder.js";
import { type Inspector, type InspectorActions, serveInspector } from "../../../src/cli/inspector/server.js";
import { Tracker } from "../../../src/cli/inspector/tracker.js";
import { req } from "../../requirements/index.ts";
import { folder } from "../cli.ts";

const HOSTILE = [
  `<img src=x onerror="window.hit=1">`,
  "<script>window.hit=1</script>",
  `"><svg onload=window.hit=1>`,
  "javascript:window.hit=1",
  "\u202egnp.exe\u0007\u001b[2J",
  "{{constructor.constructor('window.hit=1')()}}",
];

let browser: Browser | undefined;
try {
  browser = await launchBrowser();
} catch (error) {
  if (process.env.AGENTWIRE_STRICT === "1") throw error;
  process.stderr.write(`the inspector is not tested in a browser: ${String(error)}\n`);
}
afterAll(() => browser?.close());

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

interface Opened {
  readonly page: Page;
  readonly recorder: Recorder;
  readonly inspector: Inspector;
  /** Violations of the content security policy, and errors of the page. */
  readonly errors: string[];
  readonly requests: string[];
  readonly done: unknown[];
}

async function open(
  options: { readonly scheme?: "light" | "dark"; readonly readOnly?: boolean; readonly state?: object } = {},
): Promise<Opened> {
  const recorder = new Recorder();
  const tracker = new Tracker();
  recorder.onRecord(({ line }) => tracker.take(JSON.parse(line)));
  const done: unknown[] = [];
  const act = (what: string) => async (order: unknown) => {
    done.push([what, order]);
    return { job: "job-sent-1" };
  };
  const actions: InspectorActions = {
    ...{ send: act("send"), cancel: act("cancel"), decide: act("decide") },
    resend: ({ seq }) => act("resend")(seq),
  };
  const inspector = await serveInspector({
    port: 0,
    recorder,
    state: () => ({
      ...{
        mode: "dev",
        now: recorder.mono(),
        env: { NATS_URL: "nats://127.0.0.1:4222" },
        parts: { cap: { state: "running" } },
      },
      ...{ targets: [], approvals: [], ...tracker.state(), ...options.state },
    }),
    actions: options.readOnly ? undefined : actions,
  });
  closing.push(() => inspector.close());
  const page = await browser!.newPage({
    viewport: { width: 1440, height: 860 },
    colorScheme: options.scheme ?? "light",
  });
  closing.push(() => page.close());
  const errors: string[] = [];
  const requests: string[] = [];
  page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
  page.on("pageerror", (error) => errors.push(error.message));
  page.on("request", (request) => requests.push(request.url()));
  await page.goto(inspector.pageUrl);
  await until(page, "document.querySelector('.link.live') !== null");
  return { page, recorder, inspector, errors, requests, done };
}

const job = (n: number, extra: object = {}) =>
  ({
    type: "message",
    protocol: "cap",
    via: "tap",
    op: "sys.job.submit",
    kind: "jobRequest",
    name: "job.greet",
    from: "web-1",
    to: "scheduler",
    status: "pending",
    ids: { job: `j-${n}`, trace: `t-${n}` },
    bytes: 120,
    body: { traceId: `t-${n}`, jobRequest: { jobId: `j-${n}`, topic: "job.greet" } },
    ...extra,
  }) as const;
const result = (n: number, status: "ok" | "failed" = "ok") =>
  ({
    ...job(n),
    op: "sys.job.result",
    kind: "jobResult",
    from: "worker-1",
    status,
    sig: { verdict: "verified", sender: "worker-1", digest: "ab".repeat(32), order: "spec order" },
    body: { jobResult: { jobId: `j-${n}` } },
  }) as const;
const call = {
  type: "request",
  protocol: "4runr",
  via: "server",
  target: "POST /api/proxy-request",
  op: "proxyRequest",
  name: "serpapi:search",
  from: "agent-1",
  to: "gateway",
  status: "pending",
  ids: { job: "j-1" },
  headers: { host: "127.0.0.1:1", authorization: "Bearer planted-0123456789" },
  body: { tool: "serpapi", note: "it's", agent_token: "planted-secret-value" },
} as const;

/** Waits until an expression is true in the page, which may not evaluate text itself. */
const until = (page: Page, expression: string) =>
  expect
    .poll(() => page.evaluate(expression), { timeout: 20_000, interval: 20, message: expression })
    .toBe(true);

const rows = (page: Page) => page.locator(".line").count();
const counts = (page: Page) => page.locator(".counts").innerText();

describe.runIf(browser !== undefined)("the inspector page", () => {
  it(
    req("cli.inspector.timeline", "shows records live; a response fills in the row of its request"),
    async () => {
      const { page, recorder, errors } = await open();
      await page.locator("text=Nothing has been sent yet").waitFor();
      expect(await page.locator(".welcome").innerText()).toContain("NATS_URL=nats://127.0.0.1:4222");
      recorder.add(job(1), { opens: "job:j-1" });
      const { seq } = recorder.add(call);
      await until(page, "document.querySelectorAll('.line').length === 2");
      expect((await page.locator(".line").allInnerTexts())[0]).toContain("pending");
      recorder.add({
        ...call,
        type: "response",
        re: seq,
        status: "denied",
        http: 403,
        ms: 12,
        reason: "Policy denied",
        policy: { allowed: false, rule: "scope" },
      });
      recorder.add(result(1), { answers: "job:j-1" });
      await until(page, "document.querySelectorAll('.line').length === 3");
      const lines = await page.locator(".line").allInnerTexts();
      expect(lines[0]).toContain("ok");
      expect(lines[1]).toMatch(/403 denied[\s\S]*12 ms/);
      expect(errors).toEqual([]);
    },
  );

  it(
    req(
      "cli.inspector.filter",
      "filters by language, protocol and failures, pauses, and counts what it dropped",
    ),
    async () => {
      const { page, recorder } = await open();
      for (let n = 1; n <= 40; n++) recorder.add(n % 4 === 0 ? result(n, "failed") : job(n));
      recorder.add({
        type: "message",
        protocol: "cap",
        kind: "heartbeat",
        op: "sys.heartbeat",
        from: "w",
        body: { heartbeat: { workerId: "w" } },
      });
      await until(page, "document.querySelector('.counts').innerText.startsWith('40 shown')");
      expect(await page.locator(".filter").innerText()).toContain("fold heartbeats (1)");
      const filter = page.locator("#filter");
      const shown = async (text: string) => {
        await filter.fill(text);
        await until(page, `document.querySelector('#filter').value === ${JSON.stringify(text)}`);
        await page.evaluate(
          () => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))),
        );
        return Number.parseInt(await counts(page), 10);
      };
      expect(await shown("status:failed")).toBe(10);
      expect(await shown("-status:failed topic:job.*")).toBe(30);
      expect(await shown("job:j-7")).toBe(1);
      expect(await shown("bytes:>119 from:web*")).toBe(30);
      expect(await shown("proto:aureus")).toBe(0);
      expect(await shown("")).toBe(40);
      await page.locator("label:has-text('failures only')").click();
      await until(page, "document.querySelector('.counts').innerText.startsWith('10 shown')");
      await page.locator("label:has-text('failures only')").click();
      await page.keyboard.press("1");
      await until(page, "document.querySelector('.counts').innerText.startsWith('0 shown')");
      await page.keyboard.press("1");
      await page.keyboard.press("p");
      recorder.add(job(99));
      await page.locator("text=resume (1)").click();
      await until(page, "document.querySelector('.counts').innerText.startsWith('41 shown')");
      await page.keyboard.press("x");
      await until(page, "document.querySelectorAll('.line').length === 0");
    },
  );

  it("hides columns, by keyboard too, and keeps the choice", async () => {
    const { page, recorder, inspector } = await open();
    recorder.add(job(1));
    await until(page, "document.querySelectorAll('.line').length === 1");
    const heads = () => page.getByRole("columnheader").allInnerTexts();
    const all = await heads();
    expect(all).toHaveLength(9);
    await page.keyboard.press("c");
    // From the button to "protocol", and on to "bytes".
    for (let n = 0; n < 6; n++) await page.keyboard.press("Tab");
    await page.keyboard.press("Space");
    await until(page, "document.querySelectorAll('.line > span').length === 8");
    await page.getByRole("checkbox", { name: "from → to" }).click();
    await until(page, "document.querySelectorAll('.line > span').length === 7");
    const left = all.filter((title) => title !== "bytes" && title !== "from → to");
    expect(await heads()).toEqual(left);
    // A screen reader still hears the place of a column among all of them.
    expect(await page.getByRole("treegrid").getAttribute("aria-colcount")).toBe("9");
    expect(await page.locator(".line .c-text").getAttribute("aria-colindex")).toBe("9");
    const starts = (selector: string) =>
      page.evaluate<number[]>(
        `[...document.querySelectorAll(${JSON.stringify(selector)})].map((one) => one.getBoundingClientRect().left)`,
      );
    expect(await starts(".line > span")).toEqual(await starts(".head > span"));
    await page.keyboard.press("Escape");
    expect(await page.evaluate("document.activeElement.id")).toBe("columns");
    await page.getByRole("group", { name: "Columns shown" }).waitFor({ state: "hidden" });
    await page.goto("about:blank");
    await page.goto(inspector.pageUrl);
    await until(page, "document.querySelectorAll('.line').length === 1");
    expect(await heads()).toEqual(left);
    // What another version kept, or somebody wrote, hides neither everything nor anything else.
    await page.evaluate(`localStorage.setItem("agentwire-hidden-columns", "time name nothing <b>")`);
    await page.goto("about:blank");
    await page.goto(inspector.pageUrl);
    await until(page, "document.querySelectorAll('.line').length === 1");
    expect(await heads()).toEqual(all);
  });

  it("folds the progress of a job or lease into one row", async () => {
    const { page, recorder } = await open();
    const progress = (n: number, percent: number, extra: object = {}) =>
      recorder.add(
        {
          ...job(n),
          kind: "jobProgress",
          op: "sys.job.progress",
          status: "ok",
          ...extra,
          body: { jobProgress: { jobId: `j-${n}`, percent } },
        },
        { answers: `job:j-${n}` },
      );
    const shown = (n: number) => until(page, `document.querySelectorAll('.line').length === ${n}`);
    recorder.add(job(1), { opens: "job:j-1" });
    progress(1, 10);
    await shown(2);
    expect(await page.locator(".line .fold").count()).toBe(0);
    for (let n = 2; n <= 8; n++) progress(1, n * 10);
    progress(2, 5);
    progress(2, 6, { status: "refused", reason: "percent is out of range" });
    const beat = (leaseId: string) =>
      recorder.add({
        type: "request",
        protocol: "neuron",
        kind: "progress",
        op: "progress",
        from: "n-1",
        status: "pending",
        ids: { lease: leaseId },
        body: { type: "progress", leaseId },
      });
    beat("l-1");
    beat("l-1");
    // The job, its progress, the progress of job 2 with the failure beside it, and that of the lease.
    await shown(5);
    const fold = page.locator(".line .fold >> nth=0");
    expect(await fold.innerText()).toBe("▸ ×8");
    expect(await page.locator(".line .c-text >> nth=1").innerText()).toContain('"percent":80');
    await fold.click();
    await shown(12);
    expect(await page.locator(".line.below").count()).toBe(7);
    expect(await page.locator(".detail").count()).toBe(0);
    await page.keyboard.press("j");
    await page.keyboard.press("ArrowLeft");
    await shown(5);
    expect(await page.locator(".line.chosen").getAttribute("aria-expanded")).toBe("false");
    await page.keyboard.press("ArrowRight");
    await shown(12);
    expect(await page.locator(".line.chosen").getAttribute("aria-expanded")).toBe("true");
    await page.keyboard.press("ArrowLeft");
    await shown(5);
    // What is folded is searched and saved all the same.
    await page.locator("#filter").fill(":40}");
    await shown(1);
    await page.locator("#filter").fill("job:j-1");
    await shown(2);
    const [download] = await Promise.all([page.waitForEvent("download"), page.locator("text=save…").click()]);
    expect(parseCapture(readFileSync(await download.path(), "utf8"))).toHaveLength(9);
  });

  it(req("cli.inspector.detail", "shows a record from all sides, without its secrets"), async () => {
    const { page, recorder } = await open();
    const { seq } = recorder.add(call);
    recorder.add({
      ...call,
      type: "response",
      re: seq,
      status: "denied",
      http: 403,
      code: "Policy denied",
      policy: { allowed: false, rule: "scope serpapi:search" },
      headers: { server: "x" },
      body: { error: "Policy denied" },
    });
    recorder.add(result(1));
    await until(page, "document.querySelectorAll('.line').length === 2");
    await page.keyboard.press("j");
    await page.keyboard.press("Enter");
    const view = page.locator(".view");
    const tab = async (name: string): Promise<string> => {
      await page.getByRole("tab", { name }).click();
      await until(page, "!document.querySelector('.view').innerText.includes('Loading')");
      return view.innerText();
    };
    expect(await tab("Body")).toMatch(/tool: "serpapi"[\s\S]*masked[\s\S]*error: "Policy denied"/);
    expect(await tab("Headers")).toContain("authorization");
    expect(await tab("Policy")).toContain("scope serpapi:search");
    expect(await tab("Signature")).toContain("Only CAP packets are signed");
    expect(await tab("Trace")).toContain("proxyRequest");
    expect(await tab("Raw")).toContain('"masked"');
    expect(await page.evaluate(() => document.body.innerText)).not.toContain("planted");
    await page.keyboard.press("Escape");
    await page.keyboard.press("j");
    await page.keyboard.press("Enter");
    expect(await tab("Signature")).toMatch(/verified[\s\S]*spec order[\s\S]*abab/);
  });

  it(
    req("cli.inspector.traces", "joins a trace across protocols; what has no answer is an open bar"),
    async () => {
      const { page, recorder } = await open();
      recorder.add(job(1), { opens: "job:j-1" });
      recorder.add(call);
      recorder.add(job(2));
      await until(page, "document.querySelectorAll('.line').length === 3");
      await page.keyboard.press("t");
      await until(page, "document.querySelectorAll('.list li').length === 2");
      await page.locator(".list button >> nth=1").click();
      expect(await page.locator(".waterfall li").count()).toBe(2);
      expect(await page.locator(".waterfall .bar.open").count()).toBe(2);
      recorder.add(result(1));
      await until(page, "document.querySelectorAll('.waterfall .bar.open').length === 1");
      await until(page, "document.querySelectorAll('.waterfall li').length === 3");
    },
  );

  it(req("cli.inspector.act", "approves, denies, submits, cancels and resends"), async () => {
    const approval = { protocol: "cap", id: "j-9", name: "job.pay", reason: "over 100", who: "alice" };
    const target = { protocol: "cap", name: "job.greet", sample: { name: "mock", times: 1 } };
    const { page, recorder, done } = await open({ state: { approvals: [approval], targets: [target] } });
    recorder.add(job(1));
    await page.getByRole("button", { name: /^State/ }).click();
    await page.getByRole("button", { name: "Approve" }).click();
    await page.getByRole("button", { name: "Deny" }).click();
    await page.getByRole("button", { name: "Send", exact: true }).click();
    await page.locator("#input-name").fill("Ada");
    expect(await page.evaluate(() => document.querySelector("textarea")!.value)).toContain('"name": "Ada"');
    await page.locator(".primary").click();
    await page.getByRole("button", { name: "Cancel" }).click();
    await page.locator("textarea").fill('{"a":\n 1,}');
    expect(await page.locator("#send-error").innerText()).toMatch(/line 2, column \d/);
    await page.locator(".primary").click();
    await page.getByRole("button", { name: "Timeline" }).click();
    await page.keyboard.press("j");
    await page.keyboard.press("r");
    await until(page, "!!document.querySelector('.notice')?.innerText.includes('resent #1')");
    expect(done).toEqual([
      ["decide", { protocol: "cap", id: "j-9", approve: true }],
      ["decide", { protocol: "cap", id: "j-9", approve: false }],
      ["send", { protocol: "cap", name: "job.greet", input: { name: "Ada", times: 1 } }],
      ["cancel", { protocol: "cap", id: "job-sent-1" }],
      ["resend", 1],
    ]);
  });

  it("shows tokens and policies with their last denials, each a way to its record", async () => {
    const { page, recorder, errors } = await open();
    const made = { token_id: "tok-1", agent_name: HOSTILE[0], agent_token: "planted-0123456789" };
    const generated = {
      ...call,
      type: "response",
      op: "generateToken",
      to: "agent-1",
      from: "gateway",
    } as const;
    recorder.add({ ...generated, name: "serpapi", status: "ok", ids: { token: "tok-1" }, body: made });
    const { seq } = recorder.add({
      ...generated,
      ...{ op: "proxyRequest", status: "denied", code: "Policy denied", reason: HOSTILE[1] },
      ids: { token: "tok-1" },
    });
    await page.getByRole("button", { name: /^State/ }).click();
    const card = (name: string) => page.getByRole("region", { name, exact: true });
    await card("Tokens").waitFor();
    await until(page, "document.body.innerText.includes('1 refused')");
    expect(await card("Tokens").innerText()).toContain(`${HOSTILE[0]}`);
    expect(await card("Policies").innerText()).toMatch(/4Runr agent-1[\s\S]*<script>window.hit=1/);
    expect(await page.evaluate("window.hit")).toBeUndefined();
    expect(await page.evaluate(() => document.body.innerText)).not.toContain("planted");
    await page.locator(`[aria-label=Policies] button:has-text("#${seq}")`).click();
    await until(page, `document.querySelector('.detail')?.ariaLabel === "Record ${seq}"`);
    expect(errors).toEqual([]);
  });

  it("fills the form with the sample of the chosen form of an anyOf or oneOf", async () => {
    const { sample, variants } = samplesOf({
      oneOf: [
        { title: "By name", type: "object", properties: { name: { const: "Ada" } }, required: ["name"] },
        { type: "object", properties: { id: { const: 7 } }, required: ["id"] },
      ],
    });
    const target = { protocol: "neuron", name: "acme/find", sample, variants };
    const { page, done } = await open({ state: { targets: [target] } });
    await page.getByRole("button", { name: "Send", exact: true }).click();
    const text = () => page.evaluate(() => document.querySelector("textarea")!.value);
    await page.locator("textarea").waitFor();
    expect(JSON.parse(await text())).toEqual({ name: "Ada" });
    await page.getByRole("combobox", { name: "Form" }).selectOption("Form 2");
    expect(JSON.parse(await text())).toEqual({ id: 7 });
    await page.locator("#input-id").waitFor();
    await page.locator(".primary").click();
    await page.getByRole("button", { name: "Cancel" }).waitFor();
    expect(done).toEqual([["send", { protocol: "neuron", name: "acme/find", input: { id: 7 } }]]);
  });

  it(req("cli.inspector.capture", "saves what the filter shows, and opens it again as a file"), async () => {
    const { page, recorder } = await open();
    for (let n = 1; n <= 6; n++) recorder.add(n % 2 === 0 ? result(n, "failed") : job(n));
    await until(page, "document.querySelectorAll('.line').length === 6");
    await page.locator("#filter").fill("status:failed");
    await until(page, "document.querySelectorAll('.line').length === 3");
    const [download] = await Promise.all([page.waitForEvent("download"), page.locator("text=save…").click()]);
    const saved = readFileSync(await download.path(), "utf8");
    expect(saved).toMatch(/^\{"v":1,"type":"capture"/);
    expect(parseCapture(saved).map(({ seq }) => seq)).toEqual([2, 4, 6]);
    const path = join(folder(), "saved.ndjson");
    writeFileSync(path, saved);
    await page.locator("#filter").fill("");
    await page.locator("input[type=file]").setInputFiles(path);
    await until(page, "document.querySelector('.link').innerText === 'file: saved.ndjson'");
    expect(await rows(page)).toBe(3);
    await page.locator("text=back to live").click();
    await until(page, "document.querySelectorAll('.line').length === 6");
    writeFileSync(path, "not a capture");
    await page.locator("input[type=file]").setInputFiles(path);
    await until(page, "!!document.querySelector('.notice')?.innerText.includes('line 1 is not JSON')");
  });

  it(
    req("cli.inspector.safe", "never runs what peers send, and asks nobody but its own server"),
    async () => {
      const { page, recorder, errors, requests, inspector } = await open();
      for (let n = 0; n < 200; n++) {
        const text = HOSTILE[n % HOSTILE.length]!;
        recorder.add({
          ...call,
          name: text,
          from: text,
          op: text,
          reason: text,
          headers: { [text]: text },
          body: { [text]: text, list: [text] },
        });
      }
      await until(page, "document.querySelector('.counts').innerText.startsWith('200 shown')");
      for (let n = 0; n < HOSTILE.length; n++) {
        await page.keyboard.press("k");
        await page.keyboard.press("Enter");
        for (const name of ["Body", "Headers", "Trace", "Raw"]) await page.getByRole("tab", { name }).click();
      }
      for (const name of ["Traces", "State"]) await page.getByRole("button", { name }).click();
      expect(await page.evaluate("window.hit")).toBeUndefined();
      expect(
        await page.evaluate("document.querySelectorAll('main img, main script, main svg, main a').length"),
      ).toBe(0);
      expect(await page.evaluate(() => document.body.innerText)).not.toMatch(/[\p{Cf}]/u);
      expect(errors).toEqual([]);
      expect(requests.filter((url) => !url.startsWith(inspector.url) && !url.startsWith("data:"))).toEqual(
        [],
      );
      expect(requests.filter((url) => url.includes("t="))).toEqual([inspector.pageUrl].filter(() => false));
      expect(page.url()).toBe(`${inspector.url}/`);
      // What the policy forbids, the browser refuses.
      expect(
        await page.evaluate(
          `(() => { try { document.body.innerHTML = "<p>x</p>"; return "allowed"; } catch { return "refused"; } })()`,
        ),
      ).toBe("refused");
    },
  );

  it(
    req("cli.inspector.fast", "stays fluent with 10,000 events, of which only the visible ones are elements"),
    async () => {
      const { page, recorder } = await open();
      await page.evaluate(`(() => {
      window.frames_ = []; let last = performance.now();
      const loop = (now) => { window.frames_.push(now - last); last = now; requestAnimationFrame(loop); };
      requestAnimationFrame(loop);
    })()`);
      for (let n = 1; n <= 10_000; n++) {
        recorder.add(n % 10 === 0 ? result(n, "failed") : job(n));
        if (n % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
      }
      await until(page, "document.querySelector('.counts').innerText.startsWith('10,000 shown')");
      const measured = await page.evaluate<{
        nodes: number;
        heap: number;
        p50: number;
        p95: number;
        max: number;
      }>(`(() => {
      const sorted = window.frames_.toSorted((a, b) => a - b);
      const at = (share) => Math.round(sorted[Math.floor((sorted.length - 1) * share)] * 10) / 10;
      return { nodes: document.querySelectorAll('*').length, heap: performance.memory.usedJSHeapSize, p50: at(0.5), p95: at(0.95), max: at(1) };
    })()`);
      process.stderr.write(`10,000 events in the page: ${JSON.stringify(measured)}\n`);
      expect(measured.nodes).toBeLessThan(1_500);
      expect(measured.heap).toBeLessThan(60_000_000);
      // Beyond its ring the page drops the oldest, and says how many.
      for (let n = 10_001; n <= 25_000; n++) recorder.add(job(n));
      await until(
        page,
        "(() => { const [shown, dropped] = document.querySelector('.counts').innerText.replaceAll(',', '').match(/\\d+/g).map(Number); return dropped > 0 && shown + dropped === 25000; })()",
      );
    },
  );

  for (const scheme of ["light", "dark"] as const) {
    it(req("cli.inspector.accessible", `has no serious finding of axe, ${scheme}`), async () => {
      const target = { protocol: "cap", name: "job.greet", sample: { name: "mock" } };
      const approval = { protocol: "cap", id: "j-9", name: "job.pay", reason: "over 100", who: "alice" };
      const { page, recorder } = await open({ scheme, state: { targets: [target], approvals: [approval] } });
      await page.evaluate(axe);
      const check = async (what: string): Promise<void> => {
        const found = await page.evaluate<string[]>(
          `axe.run().then(({ violations }) => violations.filter(({ impact }) => impact === 'serious' || impact === 'critical')
            .map(({ id, nodes }) => id + ': ' + nodes.map(({ html, failureSummary }) => html + ' ' + failureSummary).slice(0, 3).join(' | ')))`,
        );
        expect(found, what).toEqual([]);
      };
      await check("empty");
      for (let n = 1; n < 60; n++) recorder.add(n % 3 === 0 ? result(n, "failed") : job(n));
      recorder.add({ ...result(100), status: "denied", reason: "scope" });
      await until(page, "document.querySelector('.counts').innerText.startsWith('60 shown')");
      await check("timeline");
      await page.keyboard.press("j");
      await page.keyboard.press("Enter");
      await until(page, "document.querySelector('.tree') !== null");
      await check("detail");
      for (const name of [/^Traces/, /^State/, /^Send/]) {
        await page.getByRole("button", { name }).click();
        await check(String(name));
      }
    });
  }

  it(req("cli.inspector.token", "asks for the token where it is missing or wrong"), async () => {
    const { inspector } = await open();
    const page = await browser!.newPage();
    closing.push(() => page.close());
    await page.goto(`${inspector.url}/#t=wrong`);
    await page.locator("text=This page requires its token").waitFor();
  });
});
