import { runBuf } from "../gen/buf.ts";
import type { ProtoConfig } from "../gen/config.ts";
import type { CheckResult } from "./result.ts";

/** The checks buf makes: lint rules, format, and no break against the image of the last release. */
export async function checkProto(
  root: string,
  config: ProtoConfig,
  searchPath?: string,
): Promise<CheckResult[]> {
  const checks: readonly (readonly [string, string, readonly string[]])[] = [
    ["lint", config.input, ["lint"]],
    ["format", config.input, ["format", "-d", "--exit-code"]],
    ["breaking", `${config.input} against ${config.baseline}`, ["breaking", "--against", config.baseline]],
  ];
  return Promise.all(
    checks.map(async ([name, summary, args]) => {
      const { ok, output } = await runBuf(root, args, searchPath);
      return { name: `buf ${name}`, summary, findings: ok ? [] : [output || `buf ${name} failed`] };
    }),
  );
}
