import { header } from "./emit.ts";
import type { OpenApi } from "./openapi.ts";

/** `client.ts`: the typed client of openapi-fetch, ready made. `name` is `Neuron` for `createNeuronClient`. */
export function emitClient(api: OpenApi, name: string): string {
  return `${header(api.source.file)}
import createClient, { type Client, type ClientOptions } from "openapi-fetch";
import type { paths } from "./types.js";

/** The typed client of ${api.title}: one method per HTTP method, path and bodies checked by the compiler. */
export type ${name}Client = Client<paths>;

/**
 * Makes a {@link ${name}Client}. Options are those of openapi-fetch (\`baseUrl\`, \`headers\`, \`fetch\`, …).
 *
 * A redirect is not followed unless \`redirect\` says so: it would carry credentials to another place.
 * HTTP errors are not thrown but returned as \`{ error, response }\`.
 */
export function create${name}Client(options: ClientOptions): ${name}Client {
  return createClient<paths>({ redirect: "manual", ...options });
}
`;
}
