/** What the worker's program uses of a package that only the matrix installs. */
declare module "@cfworker/json-schema" {
  export class Validator {
    constructor(schema: object, draft: "2020-12");
    validate(value: unknown): {
      readonly valid: boolean;
      readonly errors: readonly { readonly instanceLocation: string; readonly error: string }[];
    };
  }
}
