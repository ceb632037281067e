import fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import {
  type Metric,
  Telemetry,
  type TelemetryLoss,
  type TelemetryOptions,
  type TelemetrySink,
} from "../../src/aureus/index.js";
import { ClosedError, UpstreamError, ValidationError } from "../../src/core/errors.js";
import { FakeClock } from "../../src/testing/fake-clock.js";
import { req } from "../requirements/index.ts";

let folder: string;
let spoolFile: string;
beforeEach(() => {
  folder = fs.mkdtempSync(join(tmpdir(), "agentwire-spool-"));
  spoolFile = join(folder, "telemetry.ndjson");
});
afterEach(() => {
  vi.restoreAllMocks();
  fs.rmSync(folder, { recursive: true });
});

/** One start of the program; `answer` may throw for a metric. */
function start(
  answer: (metric: Metric) => void | Promise<void> = () => {},
  more: Partial<TelemetryOptions> = {},
) {
  const clock = new FakeClock();
  const names: string[] = [];
  const take = async (item: unknown) => {
    await answer(item as Metric);
    names.push((item as Metric).name);
  };
  const sink: TelemetrySink = { reportEvent: take, reportMetric: take, reportSpan: take };
  const warnings: unknown[][] = [];
  const logger = {
    debug() {},
    info() {},
    warn: (...line: unknown[]) => void warnings.push(line),
    error() {},
  };
  const telemetry = new Telemetry({ sink, clock, random: () => 0, logger, spoolFile, retry: false, ...more });
  const losses: TelemetryLoss[] = [];
  telemetry.on("loss", (loss) => losses.push(loss));
  return { clock, telemetry, names, losses, warnings };
}

const down = () => {
  throw new UpstreamError("502");
};
const lines = () => fs.readFileSync(spoolFile, "utf8").split("\n").filter(Boolean);
const namesInFile = () => lines().map((line) => (JSON.parse(line) as { value: Metric }).value.name);

async function leave(...names: string[]): Promise<void> {
  const { telemetry } = start(down);
  for (const name of names) telemetry.metric(name, 1);
  await telemetry.close();
}

describe("the spool file", () => {
  it(
    req("aureus.telemetry.spool", "keeps what used up its retries, and is emptied when it arrived"),
    async () => {
      const first = start(down);
      first.telemetry.metric("a", 1, { k: "v" });
      first.telemetry.event({ type: "custom" });
      await first.telemetry.close();
      expect(first.losses).toEqual([]);
      expect(first.telemetry.stats).toEqual({
        recorded: 2,
        sent: 0,
        retried: 0,
        lost: 0,
        spooled: 2,
        pending: 0,
      });
      expect(lines().map((line) => JSON.parse(line) as unknown)).toMatchObject([
        { kind: "metric", value: { name: "a", tags: { k: "v" } } },
        { kind: "event", value: { type: "custom" } },
      ]);
      expect(fs.statSync(spoolFile).mode & 0o777).toBe(0o600);

      let inFile: number | undefined;
      const second = start(() => {
        inFile ??= lines().length;
      });
      await second.telemetry.flush();
      expect(inFile).toBe(2); // still there while the items are on their way
      expect(second.names).toEqual(["a", undefined]);
      expect(second.telemetry.stats).toMatchObject({ recorded: 2, sent: 2, spooled: 0, pending: 0 });
      expect(fs.readFileSync(spoolFile, "utf8")).toBe("");
      await second.telemetry.close();
    },
  );

  it(req("aureus.telemetry.spool", "keeps what is left when close() gives up"), async () => {
    const { telemetry, clock } = start(() => new Promise(() => {}), { graceMs: 1_000, concurrency: 1 });
    for (const name of ["a", "b"]) telemetry.metric(name, 1);
    const closed = telemetry.close();
    await clock.advance(1_000);
    await closed;
    expect(namesInFile()).toEqual(["a", "b"]);
    expect(telemetry.stats).toMatchObject({ spooled: 2, lost: 0, pending: 0 });
  });

  it(req("aureus.telemetry.spool", "keeps what is pending when the process exits"), async () => {
    const before = process.listeners("exit");
    const { telemetry, warnings } = start(() => new Promise(() => {}), { flushSize: 2 });
    for (const name of ["a", "b", "c"]) telemetry.metric(name, 1);
    const [exit] = process.listeners("exit").filter((listener) => !before.includes(listener));
    exit!(0);
    expect(namesInFile()).toEqual(["a", "b", "c"]);
    expect(warnings).toEqual([[expect.stringContaining("the process ended"), { lost: 0, spooled: 3 }]]);
  });

  it.each([
    ["a client that is closed", new ClosedError("the client is closed")],
    ["an error that is not one of this package", new Error("ECONNRESET")],
  ])("keeps what could not be sent because of %s", async (_, error) => {
    const { telemetry } = start(() => Promise.reject(error));
    telemetry.metric("a", 1);
    await telemetry.close();
    expect(namesInFile()).toEqual(["a"]);
    expect(telemetry.stats).toMatchObject({ spooled: 1, lost: 0 });
  });

  it(req("aureus.telemetry.spool", "does not keep what the server refuses for good"), async () => {
    const { telemetry, losses } = start(() => {
      throw new ValidationError("no");
    });
    telemetry.metric("a", 1);
    await telemetry.close();
    expect(losses).toMatchObject([{ reason: "failed" }]);
    expect(fs.existsSync(spoolFile)).toBe(false);

    await leave("b");
    const later = start(() => {
      throw new ValidationError("no");
    });
    await later.telemetry.close();
    expect(later.losses).toMatchObject([{ item: { value: { name: "b" } } }]);
    expect(lines()).toEqual([]);
  });

  it(
    req("aureus.telemetry.spool", "holds each item once over many starts, and drops those that arrived"),
    async () => {
      await leave("a", "b");
      await leave("c");
      expect(namesInFile()).toEqual(["a", "b", "c"]);
      const half = start(({ name }) => {
        if (name !== "b") down();
      });
      half.telemetry.metric("d", 1);
      await half.telemetry.close();
      expect(half.names).toEqual(["b"]);
      expect(half.telemetry.stats).toMatchObject({ recorded: 4, sent: 1, spooled: 3, lost: 0 });
      expect(namesInFile().sort()).toEqual(["a", "c", "d"]);
      expect(fs.statSync(spoolFile).mode & 0o777).toBe(0o600);
      expect(fs.readdirSync(folder)).toEqual(["telemetry.ndjson"]);
    },
  );

  it(req("aureus.telemetry.spool", "does not take room from new items"), async () => {
    await leave("a", "b", "c");
    const { telemetry, losses } = start(down, { capacity: 1 });
    expect(telemetry.metric("d", 1)).toBe(true);
    expect(telemetry.metric("e", 1)).toBe(false);
    expect(losses).toMatchObject([{ reason: "overflow" }]);
    await telemetry.close();
    expect(namesInFile()).toEqual(["a", "b", "c", "d"]);
  });

  it.each([
    ["cut short", '{"kind":"metric","val'],
    ["of another kind", '{"kind":"trace","value":{}}'],
    ["without a value", '{"kind":"metric","value":null}'],
    ["no object", "null"],
  ])(req("aureus.telemetry.spool", "a last line that is %s is skipped with a warning"), async (_, broken) => {
    await leave("a");
    fs.appendFileSync(spoolFile, broken);
    const { telemetry, names, warnings } = start(({ name }) => {
      if (name === "new") down();
    });
    expect(warnings).toEqual([[expect.stringContaining("broken"), { file: spoolFile, broken: 1 }]]);
    telemetry.metric("new", 1);
    await telemetry.close();
    expect(names).toEqual(["a"]);
    expect(namesInFile()).toEqual(["new"]);
  });

  it(req("aureus.telemetry.spool", "a line cut short does not swallow the next"), async () => {
    const { telemetry } = start(down);
    fs.writeFileSync(spoolFile, '{"kind":"metric","val'); // another writer died here
    telemetry.metric("a", 1);
    await telemetry.close();
    const [torn, ...whole] = lines();
    expect(torn).toBe('{"kind":"metric","val');
    expect(whole.map((line) => (JSON.parse(line) as { value: Metric }).value.name)).toEqual(["a"]);
  });

  it(
    req("aureus.telemetry.spool", "a full disk is a warning and a loss, and leaves no half line"),
    async () => {
      await leave("a");
      const original = fs.writeFileSync;
      const full = Object.assign(new Error("ENOSPC: no space left on device"), { code: "ENOSPC" });
      const spy = vi.spyOn(fs, "writeFileSync").mockImplementation((file, data, options) => {
        original(file, String(data).slice(0, 5), options);
        throw full;
      });
      const { telemetry, losses, warnings } = start(down);
      telemetry.metric("b", 1);
      await telemetry.close();
      spy.mockRestore();
      expect(losses).toEqual([expect.objectContaining({ reason: "failed", error: full })]);
      expect(warnings).toContainEqual([
        "cannot write the spool file",
        { file: spoolFile, error: full.message },
      ]);
      expect(telemetry.stats).toMatchObject({ lost: 1, spooled: 1, pending: 0 });
      expect(namesInFile()).toEqual(["a"]);
    },
  );

  it(
    req("aureus.telemetry.spool", "a path that cannot be a file is a warning, never an exception"),
    async () => {
      const { telemetry, losses, warnings } = start(down, { spoolFile: folder });
      telemetry.metric("a", 1);
      await telemetry.close();
      expect(losses).toMatchObject([{ reason: "failed" }]);
      expect(warnings.map(([message]) => message)).toEqual([
        "cannot read the spool file",
        "cannot write the spool file",
        "telemetry was lost",
      ]);
    },
  );

  it(req("aureus.telemetry.spool", "is left alone when another process replaced what was read"), async () => {
    await leave("a", "b");
    const { telemetry } = start(() => fs.writeFileSync(spoolFile, "theirs\n"));
    await telemetry.close();
    expect(fs.readFileSync(spoolFile, "utf8")).toBe("theirs\n");
  });

  it("puts no item into the log", async () => {
    const secret = "Bearer abcdefghijklmnop";
    const { telemetry, warnings } = start(down, { spoolFile: folder });
    telemetry.event({ type: "custom", data: { secret } });
    await telemetry.close();
    fs.writeFileSync(spoolFile, `{"kind":"event","value":{"data":{"secret":"${secret}`);
    warnings.push(...start().warnings);
    expect(warnings.length).toBeGreaterThan(2);
    expect(JSON.stringify(warnings)).not.toContain("abcdefghijklmnop");
  });
});

it.each([new ClosedError("the client is closed"), new TypeError("fetch failed")])(
  "the spool file keeps what failed with a %s",
  async (error) => {
    const first = start(() => {
      throw error;
    });
    first.telemetry.metric("kept", 1);
    await first.telemetry.close();
    expect(first.losses).toEqual([]);
    const second = start();
    await second.telemetry.close();
    expect(second.names).toEqual(["kept"]);
  },
);
