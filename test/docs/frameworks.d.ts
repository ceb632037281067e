/** As much of some frameworks as the recipes use, so that their snippets are type-checked without installing them. */
declare module "express" {
  import type { IncomingMessage, Server, ServerResponse } from "node:http";

  interface Request extends IncomingMessage {
    readonly body: unknown;
  }
  interface Response extends ServerResponse {
    status(code: number): Response;
    json(body: unknown): Response;
  }
  type Handler = (request: Request, response: Response, next: (error?: unknown) => void) => unknown;
  interface Express {
    use(...handlers: Handler[]): Express;
    get(path: string, ...handlers: Handler[]): Express;
    post(path: string, ...handlers: Handler[]): Express;
    listen(port: number, started?: () => void): Server;
  }
  function express(): Express;
  namespace express {
    function json(): Handler;
  }
  export default express;
}

declare module "@nestjs/common" {
  interface Provider {
    readonly provide: unknown;
    readonly useFactory: () => unknown;
  }
  export function Module(init: {
    readonly providers?: readonly (Provider | (new (...args: never[]) => unknown))[];
    readonly exports?: readonly unknown[];
  }): (target: object, context: ClassDecoratorContext) => void;
  export interface OnApplicationBootstrap {
    onApplicationBootstrap(): unknown;
  }
  export interface OnApplicationShutdown {
    onApplicationShutdown(signal?: string): unknown;
  }
}

declare module "pino" {
  import type { Logger } from "agentwire";

  export function pino(options: { readonly level: string }): Logger;
}
