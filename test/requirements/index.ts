/**
 * The requirement manifest: every statement that a peer or a user can hold us to, with its source.
 *
 * A test cites the statement it shows with `req(id, title)`; `coverage.test.ts` fails on an id that no test
 * cites and on one that is not written down here.
 */
import { aureus } from "./aureus.ts";
import { aureusEngine } from "./aureus-engine.ts";
import { cap } from "./cap.ts";
import { capControl } from "./cap-control.ts";
import { cli } from "./cli.ts";
import { core } from "./core.ts";
import { fourRunr } from "./four-runr.ts";
import { neuron } from "./neuron.ts";
import { specs } from "./specs.ts";

/** All requirements, by id. The part before the first dot names the area. */
export const requirements = {
  ...core,
  ...cap,
  ...capControl,
  ...neuron,
  ...aureus,
  ...aureusEngine,
  ...fourRunr,
  ...specs,
  ...cli,
};

export type RequirementId = keyof typeof requirements;

/** The title of a test that shows requirement `id`. */
export function req(id: RequirementId, title: string): string {
  if (!Object.hasOwn(requirements, id)) throw new Error(`unknown requirement id: ${id}`);
  return `${title} [${id}]`;
}
