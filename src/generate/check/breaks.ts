import type { YamlPath } from "../source.js";

/** One change that can break a program written for the earlier document. */
export interface Break {
  /** Where: the keys from the root. References are followed, so a shared schema is named once. */
  readonly path: YamlPath;
  readonly action: "add" | "remove" | "replace";
  /** What it is, for people. */
  readonly message: string;
}

/** What an acceptance names: action and path, the keys joined by `/`. */
export function breakKey({ action, path }: Pick<Break, "action" | "path">): string {
  return `${action} ${path.join("/")}`;
}
