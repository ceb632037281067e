/** Compares an answer with the recorded one, letting differ only what differs from run to run. */

/** Members whose values belong to one process or one moment: their types must agree. */
const volatile = new Set([
  "uptime",
  "memory",
  "process",
  "private_key",
  "publicKey",
  "response_time_ms",
  "responseTime",
]);

/** Ids of log entries, which show nowhere else. */
const logIds = /^\$(\.logs)?\[\d+\]\.id$/;

const isoTime = /^\d{4}-\d\d-\d\dT[\d:.]+Z$/;

/** Where the two differ, one line each. */
export function differencesOf(ours: unknown, recorded: unknown, at = "$"): string[] {
  const member = /\.(\w+)$/.exec(at)?.[1] ?? "";
  if (volatile.has(member)) {
    return typeof ours === typeof recorded ? [] : [`${at}: ${typeof ours} for ${typeof recorded}`];
  }
  if (Array.isArray(recorded)) {
    if (!Array.isArray(ours)) return [`${at}: no list`];
    // The recorder kept the first four items of long lists.
    const kept = recorded.length === 4 && ours.length > 4 ? ours.slice(0, 4) : ours;
    if (kept.length !== recorded.length) return [`${at}: ${kept.length} items for ${recorded.length}`];
    return recorded.flatMap((item, index) => differencesOf(kept[index], item, `${at}[${index}]`));
  }
  if (typeof recorded === "object" && recorded !== null) {
    if (typeof ours !== "object" || ours === null) return [`${at}: ${JSON.stringify(ours)} for an object`];
    const [mine, theirs] = [ours as Record<string, unknown>, recorded as Record<string, unknown>];
    const names = [...new Set([...Object.keys(mine), ...Object.keys(theirs)])];
    return names.flatMap((name) => differencesOf(mine[name], theirs[name], `${at}.${name}`));
  }
  return same(ours, recorded, at, member)
    ? []
    : [`${at}: ${JSON.stringify(ours)} for ${JSON.stringify(recorded)}`];
}

function same(ours: unknown, recorded: unknown, at: string, member: string): boolean {
  if (Object.is(ours, recorded)) return true;
  if (member === "id" && logIds.test(at)) return typeof ours === typeof recorded;
  if (typeof recorded === "string" && typeof ours === "string") {
    // A moment passed while the real gateway worked; `expiresAt` and texts must agree to the letter.
    if (member !== "expiresAt" && isoTime.test(recorded) && isoTime.test(ours)) {
      return Math.abs(Date.parse(ours) - Date.parse(recorded)) < 2_000;
    }
    if (recorded.endsWith("...<cut>")) return sameStart(ours, recorded.slice(0, -"...<cut>".length));
  }
  const times = member === "ts" || member === "timestamp";
  return times && typeof ours === "number" && Math.abs(ours - (recorded as number)) < 2_000;
}

/** The start of the metrics, but for the time at which the process started. */
function sameStart(ours: string, recorded: string): boolean {
  const startless = (text: string): string => text.replace(/(start_time_seconds) [\d.]+/, "$1");
  return startless(ours).startsWith(startless(recorded));
}
