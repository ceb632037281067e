import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { Ajv2020, type AnySchemaObject, type ErrorObject } from "ajv/dist/2020.js";
import { parse } from "yaml";
import type { Problem } from "./editable.js";
import { throwFindings } from "./finding.js";
import { readSource, type Source } from "./source.js";

/** A file that users write besides specs: each has a JSON Schema in `specs/forms`. */
export type Form =
  | "accepted-breaks"
  | "config"
  | "errors"
  | "extensions"
  | "overlay"
  | "rules"
  | "subjects"
  | "tools";

/** Lists of names that a form takes from elsewhere, by the names of their definitions in it. */
export type Names = Readonly<Record<string, readonly string[]>>;

/** Something that does not match a form. */
export interface FormProblem extends Problem {
  /** True for a member that the form does not have. */
  readonly isUnknown?: true;
}

const { resolve } = createRequire(import.meta.url);

type Check = (value: unknown) => FormProblem[];

/** Forms without names of their own: compiling one takes longer than a small document takes otherwise. */
const compiled = new Map<Form, Check>();

/** Compiles a form to a function that finds what is wrong with a value. The schemas describe what "must be" there. */
export function compileForm(form: Form, names?: Names): Check {
  if (names !== undefined) return compile(form, names);
  const check = compiled.get(form) ?? compile(form, {});
  compiled.set(form, check);
  return check;
}

function compile(form: Form, names: Names): Check {
  const schema = parse(
    readFileSync(resolve(`agentwire/specs/forms/${form}.yaml`), "utf8"),
  ) as AnySchemaObject;
  const lists = Object.entries(names).map(([name, values]) => [name, { enum: values }]);
  schema.$defs = { ...schema.$defs, ...Object.fromEntries(lists) };
  const validate = new Ajv2020({ allErrors: true, strict: false, verbose: true }).compile(schema);
  return (value) => {
    if (validate(value)) return [];
    // What a name or an alternative breaks is said once, by the keyword around it.
    const found = (validate.errors ?? []).filter(
      ({ keyword, schemaPath, propertyName }) =>
        keyword !== "if" &&
        !/\/anyOf\/\d/.test(schemaPath) &&
        (propertyName === undefined || keyword === "enum"),
    );
    return found.map(problemOf);
  };
}

function problemOf({
  instancePath,
  keyword,
  params,
  parentSchema,
  message,
  propertyName,
}: ErrorObject): FormProblem {
  const steps = instancePath.split("/").slice(1);
  const path = steps.map((step) =>
    /^\d+$/.test(step) ? Number(step) : step.replaceAll("~1", "/").replaceAll("~0", "~"),
  );
  const mustBe = (schema: AnySchemaObject | undefined) =>
    schema?.description && `must be ${schema.description}`;
  const problem = (member: unknown[], text: string): FormProblem => {
    const at = [...path, ...member.map(String)];
    return {
      path: at,
      message: at.length === 0 ? text : `${at.join(".")} ${text}`,
      ...(keyword === "additionalProperties" && { isUnknown: true }),
    };
  };
  const { properties = {} } = parentSchema ?? {};
  switch (keyword) {
    case "additionalProperties":
      return problem(
        [params.additionalProperty],
        `is not known; known: ${Object.keys(properties).join(", ")}`,
      );
    case "required":
      return problem([params.missingProperty], mustBe(properties[params.missingProperty]) ?? "is missing");
    case "propertyNames":
      return problem(
        [params.propertyName],
        mustBe(parentSchema?.propertyNames) ?? "is not a name that can be here",
      );
    case "enum":
      return problem(
        propertyName === undefined ? [] : [propertyName],
        `must be one of ${params.allowedValues.join(", ")}`,
      );
    default:
      return problem([], mustBe(parentSchema) ?? message ?? "is wrong");
  }
}

/**
 * Reads a file of the user.
 * @throws SpecError naming file and line of everything that does not match the form
 */
export function readForm(root: string, file: string, form: Form, names?: Names): Source {
  const source = readSource(root, file);
  const problems = compileForm(form, names)(source.data);
  throwFindings(problems.map(({ path, message }) => source.finding(path, message)));
  return source;
}
