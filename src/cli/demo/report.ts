/** The demo as text: lines while it runs, and the end of it. */
import { columns, type Io, paint } from "../io.js";
import type { DemoReport } from "./play.js";
import type { DemoHop, Wire } from "./trace.js";

const NAMES: Readonly<Record<Wire, string>> = {
  cap: "CAP",
  neuron: "neuron",
  "4runr": "4Runr",
  aureus: "Aureus",
};

/** One hop as a line. */
export function hopLine(io: Pick<Io, "color">, { wire, atMs, what, note, good }: DemoHop): string {
  const at = `${atMs.toFixed(1).padStart(7)} ms`;
  const name = NAMES[wire].padEnd(6);
  const line = `${paint(io, "dim", at)}  ${paint(io, "bold", name)}  ${what.padEnd(34)}  `;
  return `${line}${good ? note : paint(io, "red", note)}\n`;
}

/** The lines after the last hop. */
export function formatEnd(io: Pick<Io, "color">, report: DemoReport): string {
  const { summary, checks, tookMs } = report;
  const { lines = 0, words = 0, characters = 0, topWords = [] } = summary;
  const facts = [
    ["page", `${lines} lines, ${words} words, ${characters} characters`],
    ["words", topWords.map(({ word, count }) => `${word} ${count}`).join(", ")],
    ["took", `${tookMs.cap.toFixed(1)} ms over CAP, ${tookMs.neuron.toFixed(1)} ms over neuron`],
  ];
  const judged = checks.map(
    ({ name, held }) => `${held ? paint(io, "green", "ok  ") : paint(io, "red", "FAIL")} ${name}\n`,
  );
  return `\n${columns(facts)}\n${judged.join("")}`;
}
