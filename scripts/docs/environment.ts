/** docs/environment.md, generated from the list of variables in the library. */
import { variables } from "./variables.ts";

/** The reference as Markdown. */
export function environmentReference(): string {
  const rows = Object.entries(variables).map(([name, { by, means }]) => `| \`${name}\` | ${by} | ${means} |`);
  return `# Environment variables

Generated from a list that a test compares with the sources; the library reads no other variable. An explicit option wins over its variable. White
space around a value is removed, and an empty value counts as unset. \`agentwire doctor\` checks the variables that are set.

| Variable | Read by | Meaning |
| --- | --- | --- |
${rows.join("\n")}

Node.js itself reads \`NODE_EXTRA_CA_CERTS\`: see [proxies and certificates](recipes-network.md). \`agentwire dev\` also prints
\`AGENT_PRIVATE_KEY\`, which only the vendor's SDK of 4Runr reads.
`;
}
