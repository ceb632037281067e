import { join } from "node:path";
import { type Difference, loadDifferences } from "./recordings/differences.ts";

const shared = loadDifferences(join(import.meta.dirname, "expected-differences.yaml"));

/** The expected difference with this id, or undefined. */
export function expectedDifference(id: string): Difference | undefined {
  return shared.expected(id);
}

/** Ids of a group (`neuron/schema-cases/`) that no test of this process has met: expect it to be empty. */
export function staleDifferences(group: string): string[] {
  return shared.stale(group);
}
