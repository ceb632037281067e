/** What a process has used of the CPU. */
import { readFileSync } from "node:fs";

/** CPU time of a process so far, in seconds; NaN where there is no `/proc` or no such process. */
export function cpuOf(pid: number): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
      .replace(/^.*\) /s, "")
      .split(" ");
    return (Number(fields[11]) + Number(fields[12])) / 100;
  } catch {
    return Number.NaN;
  }
}
