/** A change of a balance has to pass a gate: first without a server, then over V1. */
import type { Commit } from "agentwire/aureus";
import { AureusClient } from "agentwire/aureus";
import { CrvGate, custom, notNull, schema, statisticalBounds } from "agentwire/aureus/engine";
import { LocalAureus } from "agentwire/testing";

const validators = {
  not_null: notNull(),
  schema_check: schema({ balance: "number", currency: "string" }),
  balance_positive: statisticalBounds("balance", { min: 0 }),
};
const gate = new CrvGate({
  name: "Balance Validation Gate",
  validators: [
    ...Object.values(validators),
    custom("same_currency", ({ data, previousState }) => {
      const [after, before] = [data, previousState] as { currency: string }[];
      return before === undefined || after?.currency === before.currency;
    }),
  ],
  blockOnFailure: true,
  requiredConfidence: 0.8,
});

const commit: Commit = {
  id: "commit-001",
  data: { balance: 1000, currency: "USD" },
  previousState: { balance: 500, currency: "USD" },
  metadata: { user_id: "user-123" },
};
console.log("offline:", (await gate.validate(commit)).crvStatus);
console.log(
  "offline, another currency:",
  (await gate.validate({ ...commit, data: { balance: 1, currency: "EUR" } })).failureCode,
);

// The same verdict from a server that knows the validators by their identifiers.
const server = await LocalAureus.start({ port: false, validators });
const client = new AureusClient({ baseUrl: server.url, fetch: server.fetch });
const overdrawn = { ...commit, data: { balance: -5, currency: "USD" } };
const result = await client.validateCommit(overdrawn, {
  name: "Balance Validation Gate",
  validators: Object.keys(validators),
  blockOnFailure: true,
  requiredConfidence: 0.8,
});
console.log("remote:", result.crvStatus, result.failureCode);
for (const { valid, reason } of result.validationResults) console.log(valid ? "  ok" : "  no", reason);
await client.close();
