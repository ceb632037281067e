import type { ResultKind } from "../../http/operation.js";
import { firstOf } from "./media.js";
import type { Operation } from "./openapi.js";

const KINDS = ["json", "events", "text", "bytes"] as const;

/** Statuses of success; `default` counts only if the document names none. */
export function successStatuses({ contents }: Operation): string[] {
  const named = Object.keys(contents).filter((status) => status.startsWith("2"));
  return named.length > 0 || contents.default === undefined ? named : ["default"];
}

/** How a successful response is read: as the first of {@link KINDS} that one of them has. */
export function resultKind(operation: Operation): ResultKind {
  if (operation.method === "head") return "none";
  const contents = successStatuses(operation).flatMap((status) => operation.contents[status] ?? []);
  const kind = firstOf(contents, [...KINDS, "form", "multipart"])?.kind;
  if (kind === undefined) return "none";
  return kind === "form" || kind === "multipart" ? "bytes" : kind;
}

/** Statuses other than 2xx that have a body. */
export function errorStatuses({ contents }: Operation): string[] {
  return Object.keys(contents).filter(
    (status) => !status.startsWith("2") && (contents[status] ?? []).length > 0,
  );
}
