import { printDoc, printValue, type RuntimePath } from "../emit.js";
import type { ErrorCodeSpec, ErrorsSpec } from "./errors-spec.js";
import { importsFrom, tsName } from "./proto-imports.js";

/** The code of an error, as it stands in `code`, for the number in `numericCode`. */
const codeText = (type: string) => `numericCode === 0 ? new.target.defaultCode : ${type}[numericCode]!`;

function errorClass({ className, name, parent, retryable, doc }: ErrorCodeSpec, type: string): string {
  const brands = printValue(parent === undefined ? [className] : [className, parent]);
  return `${printDoc(doc)}export class ${className} extends CAPError {
  static override readonly brands: readonly string[] = ${brands};
  static override readonly numericCode = ${type}.${name};
${retryable ? "  static override readonly defaultRetryable: boolean = true;\n" : ""}}
`;
}

/** `errors.ts`: one class for each registered error code. */
export function emitErrors({ type, codes }: ErrorsSpec, runtime: RuntimePath): string {
  const name = tsName(type);
  const core = runtime("core/errors");
  return `import type { AgentwireErrorOptions } from "${core}";
import { AgentwireError } from "${core}";
${importsFrom([type], "value")}
/** Base of all errors that have a code in the CAP registry. \`code\` is its name there, such as \`JOB_TIMEOUT\`; \`reason\` is the text that came over the protocol. */
export class CAPError extends AgentwireError {
  static override readonly brands: readonly string[] = ["CAPError"];
  static override readonly defaultCode: string = "UNSPECIFIED";
  /** The registered number of the class. */
  static readonly numericCode: ${name} = 0;

  /** The registered number, as it goes into \`JobResult.error_code_enum\`. */
  readonly numericCode: ${name};

  constructor(message: string, info: AgentwireErrorOptions = {}) {
    const { numericCode } = new.target;
    super(message, { code: ${codeText(name)}, ...info });
    this.numericCode = numericCode;
  }
}

${codes.map((code) => errorClass(code, name)).join("\n")}`;
}
