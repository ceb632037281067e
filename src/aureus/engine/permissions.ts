/** Who may do what, as GoalGuard decides it. */
import type { Action, Permission, Principal } from "../../../gen/aureus/v1/models.js";

const ZONES = ["public", "internal", "confidential", "restricted"];

/**
 * True when `held` covers `required`: action and resource equal, without wildcards; the intent equal and the data
 * zone at least as high where both name one (public < internal < confidential < restricted). `conditions` do not
 * count.
 */
export function covers(held: Permission, required: Permission): boolean {
  if (held.action !== required.action || held.resource !== required.resource) return false;
  if (required.intent && held.intent && held.intent !== required.intent) return false;
  if (!required.dataZone || !held.dataZone) return true;
  return ZONES.indexOf(held.dataZone) >= ZONES.indexOf(required.dataZone);
}

/** True when the principal holds every permission that the action requires. */
export function mayDo(principal: Principal, action: Action): boolean {
  return action.requiredPermissions.every((required) =>
    principal.permissions.some((held) => covers(held, required)),
  );
}
