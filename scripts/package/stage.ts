/** The folder that is published: what `files` names, a README with absolute links, and a manifest without scripts. */
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, posix } from "node:path";

interface Manifest {
  readonly version: string;
  readonly repository: { readonly url: string };
  readonly files: readonly string[];
  readonly scripts?: object;
  readonly devDependencies?: object;
  readonly packageManager?: string;
}

/** Writes `folder` from the built package at `root`. Returns the version. */
export function stage(root: string, folder: string): string {
  const {
    scripts: _s,
    devDependencies: _d,
    packageManager: _p,
    ...manifest
  } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as Manifest;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const file of [...manifest.files, "LICENSE"]) {
    cpSync(join(root, file), join(folder, file), { recursive: true });
  }
  const readme = readFileSync(join(root, "README.md"), "utf8");
  const base = `${manifest.repository.url.replace(/^git\+|\.git$/g, "")}/blob/v${manifest.version}/`;
  writeFileSync(join(folder, "README.md"), absoluteLinks(readme, base));
  writeFileSync(join(folder, "package.json"), `${JSON.stringify(manifest, null, 2)}\n`);
  return manifest.version;
}

/** Relative links of a document at the top as links below `base`; images as the files themselves. */
export function absoluteLinks(text: string, base: string): string {
  const absolute = (path: string): string => new URL(posix.normalize(path), base).href;
  return text
    .replace(
      /(!?)\[([^\]]*)\]\((?![a-z]+:|#)([^)\s]+)\)/gi,
      (_, image: string, label: string, path: string) => {
        const link = absolute(path);
        return `${image}[${label}](${image === "" ? link : link.replace("/blob/", "/raw/")})`;
      },
    )
    .replace(/\b(src|srcset)="(?![a-z]+:)([^"]+)"/gi, (_, name: string, path: string) => {
      return `${name}="${absolute(path).replace("/blob/", "/raw/")}"`;
    });
}
