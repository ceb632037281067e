/** docs/neuron.md names what a neuron can be told, and what it reports. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";

const root = join(import.meta.dirname, "../..");
const page = readFileSync(join(root, "docs/neuron.md"), "utf8");

/** The members that an interface declares itself. */
function membersOf(path: string, name: string): string[] {
  const source = readFileSync(join(root, path), "utf8");
  const body = source.slice(source.indexOf(`export interface ${name}`)).split("\n}\n")[0]!;
  return [...body.matchAll(/^ {2}(?:readonly )?"?([\w:-]+)"?\??:/gm)].map(([, member]) => member!);
}

it.each([
  ["src/neuron/neuron-options.ts", "NeuronEvents", 9],
  ["src/neuron/neuron-options.ts", "NeuronCommonOptions", 5],
  ["src/neuron/http-transport.ts", "HttpTransportOptions", 8],
])("of %s, %s: each by its name", (path, name, least) => {
  const members = membersOf(path, name);
  expect(members.length).toBeGreaterThanOrEqual(least);
  expect(members.filter((member) => !page.includes(member))).toEqual([]);
});

it.each(["onBehalfOf", "updateCapability", "HTTP_PROXY", "NO_PROXY", "tls"])("%s", (name) => {
  expect(page).toContain(name);
});
