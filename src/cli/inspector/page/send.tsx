/** Sending: what can be sent, its input as a form or as JSON, and what came of it. */
import { useState } from "preact/hooks";
import { post } from "./api.ts";
import type { Target } from "./state.tsx";
import { store, useStore } from "./store.ts";
import { Empty, PROTOCOL, Tree, visible } from "./text.tsx";

const isFlat = (value: unknown): value is Readonly<Record<string, string | number | boolean>> =>
  typeof value === "object" &&
  value !== null &&
  !Array.isArray(value) &&
  Object.values(value).every((item) => ["string", "number", "boolean"].includes(typeof item));

const keyOf = ({ protocol, name }: Target): string => `${protocol} ${name}`;
const shown = (value: unknown): string => JSON.stringify(value, null, 2);

interface Sent {
  readonly target: Target;
  readonly done: unknown;
}

export function Send() {
  const { state } = useStore();
  const targets = state?.targets ?? [];
  const [key, setKey] = useState("");
  const [edited, setEdited] = useState({ key: "", text: "" });
  const [error, setError] = useState("");
  const [sent, setSent] = useState<readonly Sent[]>([]);
  const target = targets.find((one) => keyOf(one) === key) ?? targets[0];
  if (target === undefined) return <Empty>Nothing can be sent from here: this page only reads.</Empty>;
  const text = edited.key === keyOf(target) ? edited.text : shown(target.sample);
  const setText = (text: string) => setEdited({ key: keyOf(target), text });
  const value = parse(text);
  const send = async (): Promise<void> => {
    const { protocol, name } = target;
    if ("problem" in value) return setError(value.problem);
    setError("");
    await post<{ done: unknown }>("/api/send", { protocol, name, input: value.input }).then(
      ({ done }) => setSent([{ target, done }, ...sent].slice(0, 20)),
      (failure: Error) => setError(failure.message),
    );
  };
  return (
    <div class="split send">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void send();
        }}
      >
        <label>
          What
          <select value={keyOf(target)} onChange={(event) => setKey(event.currentTarget.value)}>
            {(["cap", "neuron", "aureus", "4runr"] as const).map((protocol) => (
              <optgroup key={protocol} label={PROTOCOL[protocol]}>
                {targets
                  .filter((one) => one.protocol === protocol)
                  .map((one) => (
                    <option key={one.name} value={keyOf(one)}>
                      {visible(one.name)}
                    </option>
                  ))}
              </optgroup>
            ))}
          </select>
        </label>
        {target.variants !== undefined && (
          <label>
            Form
            <select
              key={keyOf(target)}
              onChange={({ currentTarget }) =>
                setText(shown(target.variants?.[currentTarget.selectedIndex]?.sample))
              }
            >
              {target.variants.map(({ label }, at) => (
                <option key={at}>{visible(label)}</option>
              ))}
            </select>
          </label>
        )}
        {"input" in value && isFlat(value.input) && (
          <fieldset>
            <legend>Input</legend>
            {Object.entries(value.input).map(([name, item]) => (
              <Field
                key={name}
                name={name}
                value={item}
                onValue={(next) => setText(shown({ ...(value.input as object), [name]: next }))}
              />
            ))}
          </fieldset>
        )}
        <label>
          Input as JSON
          <textarea
            rows={12}
            spellcheck={false}
            value={text}
            aria-invalid={"problem" in value}
            aria-describedby="send-error"
            onInput={(event) => setText(event.currentTarget.value)}
          />
        </label>
        <p id="send-error" class="failed" role="alert">
          {visible("problem" in value ? value.problem : error)}
        </p>
        <button type="submit" class="primary">
          Send
        </button>
      </form>
      <section aria-label="Sent">
        <h2>Sent</h2>
        {sent.length === 0 && <Empty>What you send appears here, and in the timeline.</Empty>}
        {sent.map(({ target: one, done }, at) => (
          <article class="card" key={sent.length - at}>
            <h3>
              {PROTOCOL[one.protocol]} {visible(one.name)}
              <Cancel target={one} done={done} />
            </h3>
            <Tree value={done} />
          </article>
        ))}
      </section>
    </div>
  );
}

interface FieldProps {
  readonly name: string;
  readonly value: string | number | boolean;
  readonly onValue: (value: string | number | boolean) => void;
}

function Field({ name, value, onValue }: FieldProps) {
  if (typeof value === "boolean") {
    return (
      <label class="check">
        <input type="checkbox" checked={value} onChange={(event) => onValue(event.currentTarget.checked)} />{" "}
        {visible(name)}
      </label>
    );
  }
  const id = `input-${name}`;
  return (
    <div class="field">
      <label for={id}>{visible(name)}</label>
      {typeof value === "number" ? (
        <input
          id={id}
          type="number"
          value={value}
          onInput={(event) => onValue(Number(event.currentTarget.value))}
        />
      ) : (
        <input id={id} type="text" value={value} onInput={(event) => onValue(event.currentTarget.value)} />
      )}
    </div>
  );
}

function Cancel({ target, done }: Sent) {
  const { job, task } = (done ?? {}) as { job?: string; task?: string };
  const id = job ?? task;
  if (id === undefined) return null;
  const cancel = (): Promise<void> =>
    post<{ done: unknown }>("/api/cancel", { protocol: target.protocol, id }).then(
      (answer) =>
        store.set({ notice: answer.done === false ? `${id} has ended already` : `${id} cancelled` }),
      (error: Error) => store.set({ notice: error.message }),
    );
  return (
    <button type="button" onClick={() => void cancel()}>
      Cancel
    </button>
  );
}

/** A value, or what is wrong with the text and where. */
function parse(text: string): { readonly input: unknown } | { readonly problem: string } {
  try {
    return { input: JSON.parse(text) };
  } catch (error) {
    const at = /position (\d+)/.exec((error as Error).message)?.[1];
    if (at === undefined) return { problem: (error as Error).message };
    const before = text.slice(0, Number(at)).split("\n");
    return {
      problem: `line ${before.length}, column ${before.at(-1)!.length + 1}: ${(error as Error).message}`,
    };
  }
}
