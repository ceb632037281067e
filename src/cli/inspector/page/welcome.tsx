/** What an empty timeline says: how to reach the servers, and how to make the first traffic. */
import { useStore } from "./store.ts";

const COMMANDS: readonly (readonly [string, string])[] = [
  ["submit a CAP job", "agentwire submit job.echo --context-ptr redis://ctx:1"],
  [
    "give a neuron a task",
    `curl -H 'content-type: application/json' -d '{"capability":"my/echo","input":{}}' ORIGIN/neuron/tasks`,
  ],
  ["run one agent on all four protocols", "agentwire demo"],
];

export function Welcome() {
  const { state, link, why } = useStore();
  if (link === "unauthorized") {
    return (
      <div class="welcome">
        <h2>This page requires its token</h2>
        <p>It is missing or no longer valid: {why}.</p>
      </div>
    );
  }
  const env = Object.entries(state?.env ?? {});
  return (
    <div class="welcome">
      <h2>Nothing has been sent yet</h2>
      {env.length > 0 && (
        <>
          <p>Programs reach the local servers with these variables:</p>
          <pre>{env.map(([name, value]) => `${name}=${value}\n`)}</pre>
        </>
      )}
      <p>First traffic:</p>
      <dl class="facts">
        {COMMANDS.map(([what, command]) => (
          <div key={what}>
            <dt>{what}</dt>
            <dd>
              <code>{command.replace("ORIGIN", location.origin)}</code>
            </dd>
          </div>
        ))}
      </dl>
    </div>
  );
}
