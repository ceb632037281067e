/** Telemetry that could not be sent, kept in a file until the next start. */
import { requireBuiltin } from "../core/builtin.js";
import { errorText } from "../core/errors.js";
import type { Logger } from "../core/logger.js";
import type { TelemetryItem } from "./telemetry-options.js";

const KINDS: readonly unknown[] = ["event", "metric", "span"];

/** The item on a line, or undefined if the line holds none. */
function itemOf(line: string): TelemetryItem | undefined {
  try {
    const { kind, value } = JSON.parse(line) as Partial<TelemetryItem>;
    const whole = KINDS.includes(kind) && typeof value === "object" && value !== null;
    return whole ? ({ kind, value } as TelemetryItem) : undefined;
  } catch {
    return undefined;
  }
}

/**
 * A file with one item a line (NDJSON), readable by its owner alone. What is read stays in the file until
 * {@link TelemetrySpool.compact} finds it settled, so a crash in between sends it again at the next start.
 */
export class TelemetrySpool {
  readonly #fs: typeof import("node:fs");
  readonly #path: string;
  readonly #logger: Logger;
  /** What {@link TelemetrySpool.read} found, byte for byte. */
  #found: Uint8Array = new Uint8Array();
  /** The items found that are still owed to the server. */
  readonly #unsent = new Set<TelemetryItem>();

  /** @throws UnsupportedError where there is no `node:fs`. */
  constructor(path: string, logger: Logger) {
    this.#fs = requireBuiltin("node:fs", "telemetry with spoolFile");
    this.#path = path;
    this.#logger = logger;
  }

  /** How many items of the file are still owed to the server. */
  get unsent(): number {
    return this.#unsent.size;
  }

  /** True for an item that was read from the file and is owed to the server. */
  has(item: TelemetryItem): boolean {
    return this.#unsent.has(item);
  }

  /** The items in the file. Call it once. Lines that hold no item are skipped with a warning. */
  read(): TelemetryItem[] {
    try {
      if (!this.#fs.existsSync(this.#path)) return [];
      this.#found = this.#fs.readFileSync(this.#path);
    } catch (error) {
      this.#warn("cannot read the spool file", error);
      return [];
    }
    const lines = new TextDecoder().decode(this.#found).split("\n");
    let broken = 0;
    for (const line of lines) {
      const item = itemOf(line);
      if (item !== undefined) this.#unsent.add(item);
      else if (line.trim() !== "") broken++;
    }
    if (broken > 0) this.#logger.warn("skipped broken lines of the spool file", { file: this.#path, broken });
    return [...this.#unsent];
  }

  /** Appends items. @returns The error if that failed, after a warning; the file is then as before. */
  append(items: readonly TelemetryItem[]): unknown {
    const fs = this.#fs;
    let fd: number | undefined;
    let size: number | undefined;
    try {
      fd = fs.openSync(this.#path, "a+", 0o600);
      size = fs.fstatSync(fd).size;
      const last = new Uint8Array(1);
      if (size > 0) fs.readSync(fd, last, 0, 1, size - 1);
      // A line that a crash cut short must not swallow the next one.
      const torn = size > 0 && last[0] !== 10;
      fs.writeFileSync(fd, (torn ? "\n" : "") + textOf(items));
      return undefined;
    } catch (error) {
      this.#warn("cannot write the spool file", error);
      this.#quietly(() => fd !== undefined && size !== undefined && fs.ftruncateSync(fd, size));
      return error ?? new Error("unknown");
    } finally {
      this.#quietly(() => fd !== undefined && fs.closeSync(fd));
    }
  }

  /** An item that was read arrived, or never will. The file is emptied after the last one. */
  settle(item: TelemetryItem): void {
    if (this.#unsent.delete(item) && this.#unsent.size === 0) this.compact();
  }

  /** Removes from the file what was read and is settled. */
  compact(): void {
    const fs = this.#fs;
    if (this.#found.length === 0) return;
    try {
      const now = fs.readFileSync(this.#path);
      // Another process may have replaced what was read here: the file is then no longer ours to cut.
      const ours = now.subarray(0, this.#found.length).equals(this.#found);
      if (!ours) return;
      const kept = new TextEncoder().encode(textOf([...this.#unsent]));
      const added = now.subarray(this.#found.length);
      if (kept.length + added.length === 0) {
        fs.truncateSync(this.#path, 0);
      } else {
        const draft = `${this.#path}.${process.pid}.tmp`;
        fs.writeFileSync(draft, Buffer.concat([kept, added]), { mode: 0o600 });
        fs.renameSync(draft, this.#path);
      }
      this.#found = kept;
    } catch (error) {
      this.#warn(
        "cannot truncate the spool file; items that arrived will be sent again at the next start",
        error,
      );
    }
  }

  #warn(message: string, error: unknown): void {
    this.#logger.warn(message, { file: this.#path, error: errorText(error) });
  }

  #quietly(work: () => unknown): void {
    try {
      work();
    } catch {
      // The error that led here is the one to report.
    }
  }
}

function textOf(items: readonly TelemetryItem[]): string {
  return items.map((item) => `${JSON.stringify(item)}\n`).join("");
}
