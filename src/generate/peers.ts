import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { SpecError } from "./finding.js";

type OpenApiTypescript = typeof import("openapi-typescript");
type Redocly = typeof import("@redocly/openapi-core");
type TypeScript = typeof import("typescript");

const INSTALL = "npm i -D openapi-typescript typescript";

/** Loads a package of the project in `root`. */
function load(root: string, name: string): unknown {
  const require = createRequire(join(root, "package.json"));
  try {
    return require(name);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "MODULE_NOT_FOUND" && code !== "ERR_MODULE_NOT_FOUND") throw error;
    throw new SpecError(`${name} is not installed: ${INSTALL}`);
  }
}

/** @throws SpecError with the command that installs it */
export function loadOpenApiTypescript(root: string): OpenApiTypescript {
  load(root, "typescript");
  return load(root, "openapi-typescript") as OpenApiTypescript;
}

/** The linter that openapi-typescript brings. @throws SpecError with the command that installs it */
export function loadRedocly(root: string): Redocly {
  loadOpenApiTypescript(root);
  const own = createRequire(join(root, "package.json")).resolve("openapi-typescript");
  return load(dirname(own), "@redocly/openapi-core") as Redocly;
}

/** @throws SpecError with the command that installs it */
export function loadTypeScript(root: string): TypeScript {
  return load(root, "typescript") as TypeScript;
}
