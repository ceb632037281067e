/** A headless Chromium for tests and screenshots, driven by playwright-core. Both are fetched once, into `.cache`. */
import { createRequire } from "node:module";
import { findChromium } from "./matrix/chromium.ts";
import { fetchPackage } from "./matrix/fetch.ts";
import { PLAYWRIGHT } from "./matrix/versions.ts";

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
