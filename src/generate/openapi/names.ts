import { camelCase } from "../../core/keys.js";
import { isIdentifier, pascalCase } from "../emit.js";

/** Words that can name neither a type nor a variable. */
const RESERVED = new Set(
  (
    "any await bigint boolean break case catch class const continue debugger default delete do else enum export " +
    "extends false finally for function if implements import in instanceof interface let never new null number " +
    "object package private protected public return static string super switch symbol this throw true try " +
    "typeof undefined unknown var void while with yield eval arguments"
  ).split(" "),
);

/** Types that generated files use or export themselves. */
const OURS = new Set(
  (
    "AsyncIterable Blob CallOptions FormData HttpClient HttpClientOptions HttpOperation KeyMap NonNullable " +
    "OperationId OperationSchemas PagePromise Promise QueryOptions RawClient Readonly Record ResponsePromise " +
    "SchemaDocument SchemaName Symbol ToolActionEntry ToolActions Uint8Array components operations paths wire"
  ).split(" "),
);

/** Members of a generated class, and names that would give it a meaning of its own: `then` makes it awaitable. */
const MEMBERS = new Set("baseUrl close constructor raw then toJSON toString valueOf".split(" "));

/** `text` without what cannot stand in an identifier, which may still be empty. */
function identifier(text: string, change: (text: string) => string): string {
  const name = isIdentifier(text) ? text : change(text);
  return /^\d/.test(name) ? `_${name}` : name;
}

/**
 * The type that stands for the component `name`: `rate-estimate` is `RateEstimate`, `delete` is `Delete`. A name
 * that generated files need for something else gets `Model` appended. Not an identifier if nothing of the name
 * can stand in one.
 */
export function typeName(name: string, clientName: string): string {
  const found = identifier(name, pascalCase);
  const free = RESERVED.has(found) ? pascalCase(found) : found;
  return OURS.has(free) || free === clientName ? `${free}Model` : free;
}

/** The method of an operation: its id, with `_` appended if a class cannot take that name. */
export function methodName(id: string): string {
  return MEMBERS.has(id) ? `${id}_` : id;
}

/** The function of an operation: its id, with `_` appended if no variable can have that name. */
export function functionName(id: string): string {
  return RESERVED.has(id) || OURS.has(id) ? `${id}_` : id;
}

/** The TypeScript name of a path parameter. `taken` are names that it must not have. */
export function parameterName(name: string, taken: readonly string[] = []): string {
  const found = identifier(name, (text) => {
    const pascal = pascalCase(text);
    return pascal.charAt(0).toLowerCase() + pascal.slice(1);
  });
  const camel = camelCase(found);
  return RESERVED.has(camel) || taken.includes(camel) ? `${camel}_` : camel;
}
