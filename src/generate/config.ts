import type { RuleSet, Rules } from "./rules.js";

/** What all specs of a config have. Paths are relative to the folder of the config. */
interface CommonSpec {
  /** Folder of the generated files. It is replaced whole. */
  readonly out: string;
  /** The document, or the image of the protos, as last released. Default: `<document>.baseline.yaml`, `baseline.binpb` in `proto`. */
  readonly baseline?: string;
  /** Breaks that were decided on: a list of `{ path, action, reason }`. Default: `<document>.breaks.yaml`, `breaks.yaml` in `proto`. */
  readonly acceptedBreaks?: string;
  /** `public`: takes what other tools take. `house`: asks for explicit marks. An object is `public` with changes. Default: `public`. */
  readonly rules?: RuleSet | Rules;
}

/** One OpenAPI document and what is generated from it. */
export interface OpenApiSpec extends CommonSpec {
  /** The document: OpenAPI 3.0 or 3.1, YAML or JSON. */
  readonly openapi: string;
  /** Name of the client class. Default: the name of the spec, with `Client` appended. */
  readonly client?: string;
  /** `class`: a client with a method per operation. `functions`: one function per operation. Default: `class`. */
  readonly style?: "class" | "functions";
  /** True for a snake_case protocol: models are camelCase, and bodies and queries are converted. Default: false. */
  readonly camelCase?: boolean;
  /** An OpenAPI Overlay 1.0 that is applied to the document first. */
  readonly overlay?: string;
  /** Generates only some operations: those with one of the tags, and those with one of the operation ids. Default: all. */
  readonly include?: { readonly tags?: readonly string[]; readonly operations?: readonly string[] };
  /** New names: of operations by operation id or `GET /path`, of schemas by component name. */
  readonly rename?: {
    readonly operations?: Readonly<Record<string, string>>;
    readonly schemas?: Readonly<Record<string, string>>;
  };
  /** Recorded traffic that must match the document: files of HAR or NDJSON. A `*` stands for any part of a file name. */
  readonly recordings?: string | readonly string[];
  /** Also writes the JSON Schemas of the document to `schemas.ts`. Default: false; true where operations carry `x-tool-actions`. */
  readonly schemas?: boolean;
  /** `$id` of these schemas. Default: `agentwire:` and the name of the spec, with `:` for `/`. */
  readonly schemaId?: string;
  /** With `camelCase`: also writes `proof.ts`, which compiles only if every model agrees with the document. Default: false. */
  readonly proof?: boolean;
  /** With `camelCase`: writes the shape of every object, also of those whose keys are the same on both sides. Default: false. */
  readonly allShapes?: boolean;
  /** With `camelCase`: enums that can be read accept values that are not known yet. Default: true. */
  readonly openEnums?: boolean;
  /** Tables with some of the operations, by the name of the constant. Default: only the table of all. */
  readonly operationGroups?: Readonly<Record<string, readonly string[]>>;
}

/** A folder of protobuf files and what is generated from it. */
export interface ProtoSpec extends CommonSpec {
  /** Folder of the protos: the root of their imports, or a module of the project's `buf.yaml`. */
  readonly proto: string;
  /**
   * Folder of protos that these ones change: one of the project, or of a package, as `agentwire/specs/cap`. A file with
   * the path of one there replaces it.
   */
  readonly extends?: string;
  /** The tables of a CAP protocol beside the protos. Default: those of `extends`, else messages only. */
  readonly cap?: CapTables | undefined;
}

/** The tables of a CAP protocol. */
export interface CapTables {
  /** The proto with the message that has `oneof payload`, below the folder of the protos. Default: the only such message. */
  readonly packet?: string | undefined;
  /** The table of subjects. */
  readonly subjects: string;
  /** The table of the rules packets must keep. Default: packets are not checked. */
  readonly rules?: string | undefined;
  /** The table of error codes. Default: there are none. */
  readonly errors?: string | undefined;
}

/** A file of 4Runr tools of one's own, and what is generated from it. */
export interface ToolsSpec extends CommonSpec {
  /** The file: `tools: { tool: { action: { idempotent, params, result } } }`. */
  readonly tools: string;
}

/** A spec of any kind. */
export type Spec = OpenApiSpec | ProtoSpec | ToolsSpec;

/** `agentwire.config.ts`. */
export interface Config {
  /** By name: in messages, and as an argument of the commands. */
  readonly specs: Readonly<Record<string, Spec>>;
}

/** Returns the config unchanged; gives it its type. */
export function defineConfig<const C extends Config>(config: C): C {
  return config;
}
