/** Ceilings of what is counted. They only go down: `--update` lowers them, raising one is an edit with a reason. */
import type { AllowedCasts } from "./casts.ts";

/** Names and numbers of one kind, such as the code lines per area. */
export type Figures = Readonly<Record<string, number>>;

/** What `scripts/budgets.json` says of one figure. */
export interface Budget {
  readonly ceiling: number;
  /** Where the figure is meant to end. */
  readonly target?: number;
  /** Why the ceiling was raised. */
  readonly reason?: string;
}

/** `scripts/budgets.json`. */
export interface Budgets {
  readonly budgets: Readonly<Record<string, Readonly<Record<string, Budget>>>>;
  readonly allowedCasts: AllowedCasts;
}

interface Row extends Budget {
  readonly kind: string;
  readonly name: string;
  readonly now: number;
}

/** Findings: a figure above its ceiling, or below it. */
export function compare(figures: Readonly<Record<string, Figures>>, { budgets }: Budgets): string[] {
  return rowsOf(figures, budgets).flatMap(({ kind, name, now, ceiling }) => {
    const found = `${kind}, ${name}: ${ceiling} allowed, ${now} found`;
    if (now > ceiling)
      return [
        `${found}; remove ${now - ceiling}, or raise the ceiling in scripts/budgets.json with a \`reason\``,
      ];
    return now < ceiling ? [`${found}; run \`pnpm lines --update\` to lower the ceiling`] : [];
  });
}

/** The budgets with every ceiling lowered to its figure. None is raised; a reason goes with its ceiling. */
export function lower(figures: Readonly<Record<string, Figures>>, file: Budgets): Budgets {
  const budgets: Record<string, Record<string, Budget>> = {};
  for (const { kind, name, now, ceiling, target, reason } of rowsOf(figures, file.budgets)) {
    budgets[kind] ??= {};
    budgets[kind][name] = {
      ceiling: Math.min(now, ceiling),
      ...(target === undefined ? {} : { target }),
      ...(reason === undefined || now < ceiling ? {} : { reason }),
    };
  }
  return { ...file, budgets };
}

/** The table: now / ceiling / target. */
export function budgetTable(figures: Readonly<Record<string, Figures>>, { budgets }: Budgets): string {
  const line = (name: string, ...cells: readonly unknown[]) =>
    name.padEnd(34) + cells.map((cell) => String(cell ?? "-").padStart(9)).join("");
  const rows = rowsOf(figures, budgets).map(({ kind, name, now, ceiling, target }) =>
    line(`${kind}, ${name}`, now, ceiling, target),
  );
  return [line("", "now", "ceiling", "target"), ...rows].join("\n");
}

/** One row for what is counted or has a budget. Without a budget the ceiling is 0. */
function rowsOf(figures: Readonly<Record<string, Figures>>, budgets: Budgets["budgets"]): Row[] {
  return Object.entries(figures).flatMap(([kind, counted]) => {
    const names = new Set([...Object.keys(budgets[kind] ?? {}), ...Object.keys(counted)]);
    return [...names].map((name) => ({
      ...{ kind, name, now: counted[name] ?? 0 },
      ...(budgets[kind]?.[name] ?? { ceiling: 0 }),
    }));
  });
}
