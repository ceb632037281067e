/** workerd: no node modules, no code generation. Answers a request with the results. */
import { Validator } from "@cfworker/json-schema";
import type { CompiledSchema, JsonSchema, SchemaValidator } from "agentwire";
import { runParts } from "./parts.js";
import type { PeerAddresses } from "./peers.js";

/** Interprets schemas, because the runtime forbids `new Function`. */
const interpreting: SchemaValidator = {
  async compile(schema: JsonSchema): Promise<CompiledSchema> {
    const validator = new Validator(schema as object, "2020-12");
    return {
      validate(value) {
        const { valid, errors } = validator.validate(value);
        if (valid) return { ok: true, value };
        const issues = errors.map(({ instanceLocation, error }) => ({
          path: instanceLocation.replace(/^#/, ""),
          message: error,
        }));
        return { ok: false, issues };
      },
    };
  },
};

export default {
  async fetch(request: Request): Promise<Response> {
    const addresses = (await request.json()) as PeerAddresses;
    return Response.json(await runParts({ ...addresses, validator: interpreting }));
  },
};
