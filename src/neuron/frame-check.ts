/** Checks of frames by the schemas of the spec: what it says is not repeated by hand. Times are not checked. */
import { type SchemaName, schemaDocument } from "../../gen/neuron/index.js";
import { type Fault, faultsOf, type PlainSchema } from "../core/plain-schema.js";

const schemas = schemaDocument.components.schemas as Readonly<Record<string, PlainSchema>>;

const resolve = (ref: string): PlainSchema | undefined => schemas[ref.slice(ref.lastIndexOf("/") + 1)];

/** What is wrong with a value that has to match a schema of the spec, in words; undefined if it does. */
export function frameProblem(name: SchemaName, value: unknown, what: string): string | undefined {
  const [fault] = faultsOf(schemas[name]!, value, resolve);
  if (fault === undefined) return undefined;
  const place = fault.at.reduce<string>(
    (path, step) => (typeof step === "number" ? `${path}[${step}]` : `${path}.${step}`),
    what,
  );
  return fault.keyword === "additionalProperties"
    ? `${place}.${String(fault.expected[0])} is not known`
    : `${place} ${wordsOf(fault)}`;
}

function wordsOf(fault: Fault): string {
  switch (fault.keyword) {
    case "required":
      return "is missing";
    case "type":
      return `must be ${fault.expected.join(" or ")}`;
    case "enum":
      return `must be ${fault.expected.map((item) => JSON.stringify(item)).join(" or ")}`;
    case "oneOf":
      return "has none of the forms that the protocol allows";
    case "finite":
      return "must be a finite number";
    case "pattern":
      return `must match ${fault.expected}`;
    default:
      return `breaks ${fault.keyword} ${String(fault.expected)}`;
  }
}
