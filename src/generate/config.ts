/** One OpenAPI document and what is made from it. Paths are relative to the project root. */
export interface SpecConfig {
  /** The document. */
  readonly input: string;
  /** Folder of the generated files, below `gen/`. It may be nested (`gen/aureus/v1`). */
  readonly output: string;
  /** Name of the class with a method for each operation: `NeuronClient`. */
  readonly clientName: string;
  /** `$id` of the JSON Schemas. Default: `agentwire:` and the folder below `gen/`, with `:` for `/`. */
  readonly schemaId?: string;
  /** True for a snake_case protocol: models are camelCase, and a key map is emitted. Default: false. */
  readonly camelCase?: boolean;
  /**
   * True writes the shape of every object, also of those whose keys are the same on both sides, for a runtime that looks
   * into bodies. Only with `camelCase`. Default: false.
   */
  readonly allShapes?: boolean;
  /** Enums that can be read accept values that are not known yet, in the models. Default: true. */
  readonly openEnums?: boolean;
  /**
   * Tables with some of the operations, by the name of the constant: a bundle of code that imports one has no
   * other operations. Default: only the table of all.
   */
  readonly operationGroups?: Readonly<Record<string, readonly string[]>>;
  /** The document as last released, for the comparison. Default: `baseline.yaml` beside the document. */
  readonly baseline?: string;
  /** Breaks that were decided on, with reasons. Default: `accepted-breaks.yaml` beside the document. */
  readonly acceptedBreaks?: string;
  /** Recorded traffic that must fit: which reader, and the folder of its files. */
  readonly recordings?: RecordingsConfig;
}

/** Where recorded traffic stands and how it is read. */
export interface RecordingsConfig {
  /**
   * `neuron`: JSON lines of requests and SSE text. `aureus-v1`, `aureus-console`: JSON lines of requests with
   * their answers, in files that begin with `sdk-vs-` or `console-`. `gateway`: JSON lines, each a request and
   * its answer.
   */
  readonly format: "neuron" | "aureus-v1" | "aureus-console" | "gateway";
  readonly folder: string;
}

/** The protobuf half: found by buf through `buf.yaml` and `buf.gen.yaml`. */
export interface ProtoConfig {
  /** Folder of the protos. */
  readonly input: string;
  /** Where `buf.gen.yaml` puts the generated files. */
  readonly output: string;
  /** The table of subjects. */
  readonly subjects: string;
  /** The table of the rules packets must keep. Default: packets are not checked. */
  readonly rules?: string;
  /** The table of error codes. Default: there are none. */
  readonly errors?: string;
  /** The proto with the payload oneof, below `input`. */
  readonly packet: string;
  /** The image of the last release, for the comparison. */
  readonly baseline: string;
  /** Breaks that were decided on, with reasons. Default: `accepted-breaks.yaml` beside the baseline. */
  readonly acceptedBreaks?: string;
}

/** `openapi.config.ts`. */
export interface OpenapiConfig {
  readonly specs: Readonly<Record<string, SpecConfig>>;
  readonly options?: {
    readonly proto?: ProtoConfig;
    /** Known differences between recordings and documents. */
    readonly differences?: string;
  };
}

/** The `$id` of the JSON Schemas of a document. */
export function schemaIdOf({ schemaId, output }: SpecConfig): string {
  return schemaId ?? `agentwire:${output.replace(/^gen\//, "").replaceAll("/", ":")}`;
}
