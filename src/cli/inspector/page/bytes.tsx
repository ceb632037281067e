/** The bytes of a packet beside its canonical form. */
import { useEffect, useState } from "preact/hooks";
import type { CaptureRecord } from "../record.ts";
import { get } from "./api.ts";
import { store } from "./store.ts";
import { Empty, Facts } from "./text.tsx";

interface SignedBytes {
  readonly length: number;
  readonly sha256: string;
  readonly hex?: string;
}

/** What the server says of a packet's bytes. */
interface View {
  readonly bytes: number;
  readonly received: string;
  readonly hex?: string;
  readonly canonical: {
    readonly ordersDiffer: boolean;
    readonly spec: SignedBytes;
    readonly upb?: SignedBytes;
  };
  readonly signature: string;
  readonly hidesSecrets: boolean;
}

export function Bytes({ record }: { readonly record: CaptureRecord }) {
  const [view, setView] = useState<View | string>();
  const packet = record.protocol === "cap";
  useEffect(() => {
    if (!packet || store.file !== undefined) return;
    get<View>(`/api/records/${record.seq}/bytes`).then(setView, (error: Error) => setView(error.message));
  }, [record.seq]);
  if (!packet) return <Empty>{`${record.bytes ?? 0} bytes of JSON; see Body.`}</Empty>;
  if (store.file !== undefined)
    return <Empty>Bytes are shown of live records. A capture holds them if it was made with --raw.</Empty>;
  if (typeof view !== "object") return <Empty>{view ?? "Loading"}</Empty>;
  const { canonical, received, signature, hidesSecrets, hex } = view;
  return (
    <>
      <Facts
        rows={[
          ["received", `${view.bytes} bytes, ${received}`],
          ["map orders", canonical.ordersDiffer ? "give different bytes" : "both give the same bytes"],
          ["sha256, spec order", canonical.spec.sha256],
          ["sha256, upb order", canonical.upb?.sha256],
          ["signature", signature === "" ? "none" : `${signature.length / 2} bytes`],
        ]}
      />
      {hidesSecrets && <Empty>The bytes hold a secret and are not shown.</Empty>}
      {canonical.spec.hex !== undefined && <Hex received={hex ?? ""} canonical={canonical.spec.hex} />}
    </>
  );
}

/** Sixteen bytes a line; bytes of one side that the other does not have there are marked. */
function Hex({ received, canonical }: { readonly received: string; readonly canonical: string }) {
  let same = 0;
  while (same < canonical.length && received.slice(same, same + 2) === canonical.slice(same, same + 2))
    same += 2;
  const side = (title: string, hex: string) => (
    <section aria-label={title}>
      <h3>{title}</h3>
      <pre class="hex">
        {lines(hex).map(([offset, part]) => {
          const cut = Math.max(0, Math.min(part.length, same - offset * 2));
          return (
            <span key={offset}>
              <i>{offset.toString(16).padStart(4, "0")}</i> {spaced(part.slice(0, cut))}
              {cut > 0 && cut < part.length ? " " : ""}
              {cut < part.length && <mark>{spaced(part.slice(cut))}</mark>}
              {"\n"}
            </span>
          );
        })}
      </pre>
    </section>
  );
  return (
    <div class="sides">
      {received !== "" && side("Received", received)}
      {side("Canonical, without the signature", canonical)}
    </div>
  );
}

const WIDTH = 16;
const lines = (hex: string): [number, string][] =>
  (hex.match(/.{1,32}/g) ?? []).slice(0, 1_024).map((part, at) => [at * WIDTH, part]);
const spaced = (hex: string): string => hex.replace(/..(?=.)/g, "$& ");
