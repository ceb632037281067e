/** `client.raw`: calls by path, with the types of openapi-fetch. */
import type { Client } from "openapi-fetch";
import type { HttpClient } from "./client.js";

/** The calls of openapi-fetch; its middleware is that of the pipeline. */
export type RawClient<Paths extends object> = Omit<Client<Paths>, "use" | "eject">;

/**
 * openapi-fetch, typed by `paths`, on the pipeline of `http`: same credential, limits and retries. As usual there, HTTP
 * errors are returned as `{ error, response }`; everything else is thrown. It is loaded with the first call, so a program
 * that does not use it does not carry it.
 */
export function rawClient<Paths extends object>(http: HttpClient): RawClient<Paths> {
  let client: Promise<RawClient<Paths>> | undefined;
  const load = async (): Promise<RawClient<Paths>> => {
    const { openapiFetch } = await import("./openapi-fetch.js");
    return openapiFetch<Paths>(http);
  };
  const calls = {
    get(_: object, name: string | symbol): unknown {
      if (typeof name !== "string" || !/^[A-Z]+$|^request$/.test(name)) return undefined;
      return async (...args: readonly unknown[]): Promise<unknown> => {
        client ??= load();
        const call: unknown = Reflect.get(await client, name);
        return Reflect.apply(call as () => unknown, undefined, args);
      };
    },
  };
  return new Proxy<RawClient<Paths>>(Object.create(null), calls);
}
