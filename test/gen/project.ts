import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { type Document, parseDocument } from "yaml";
import type { OpenapiConfig, SpecConfig } from "../../src/generate/config.ts";

const fixtures = join(import.meta.dirname, "fixtures");
const cache = join(import.meta.dirname, "..", "..", ".cache");

/** The spec of `fixtures/shop.yaml`. */
export const shop: SpecConfig = {
  input: "specs/shop/openapi.yaml",
  output: "gen/shop",
  clientName: "ShopClient",
  camelCase: true,
};

/** The spec of `fixtures/library.yaml`, once with camelCase and once as it is. */
export const libraries: OpenapiConfig = {
  specs: {
    camel: {
      input: "specs/library/openapi.yaml",
      output: "gen/library/camel",
      clientName: "LibraryClient",
      camelCase: true,
    },
    wire: {
      input: "specs/library/openapi.yaml",
      output: "gen/library/wire",
      clientName: "LibraryClient",
    },
  },
};

/** `fixtures/shop.yaml` alone: no buf is run. */
export const shopOnly: OpenapiConfig = { specs: { shop } };

/** The shop and a small bus in protobuf. */
export const shopAndBus: OpenapiConfig = {
  specs: { shop },
  options: {
    proto: {
      input: "specs/bus",
      output: "gen/bus",
      subjects: "specs/bus/subjects.yaml",
      packet: "bus/v1/packet.proto",
      baseline: "specs/bus/baseline.binpb",
    },
  },
};

/** A project of its own below `.cache/`, where the packages of this one are found. */
export interface Project {
  readonly root: string;
  path(file: string): string;
  read(file: string): string;
  write(file: string, text: string): void;
  /** Replaces a text that must be there. */
  edit(file: string, from: string, to: string): void;
  /** Changes the shop document. */
  editShop(change: (document: Document) => void): void;
  remove(): void;
}

/** Makes a project from the fixtures. */
export function makeProject(): Project {
  mkdirSync(cache, { recursive: true });
  const root = mkdtempSync(join(cache, "test-gen-"));
  const path = (file: string) => join(root, file);
  const read = (file: string) => readFileSync(path(file), "utf8");
  const write = (file: string, text: string) => {
    mkdirSync(dirname(path(file)), { recursive: true });
    writeFileSync(path(file), text);
  };
  const copies = {
    "buf.yaml": "buf.yaml",
    "buf.gen.yaml": "buf.gen.yaml",
    "packet.proto": "specs/bus/bus/v1/packet.proto",
    "subjects.yaml": "specs/bus/subjects.yaml",
    "shop.yaml": shop.input,
    "library.yaml": "specs/library/openapi.yaml",
  };
  for (const [from, to] of Object.entries(copies)) cpSync(join(fixtures, from), path(to));
  return {
    root,
    path,
    read,
    write,
    edit: (file, from, to) => {
      const text = read(file);
      if (!text.includes(from)) throw new Error(`${file} has no ${from}`);
      write(file, text.replace(from, to));
    },
    editShop: (change) => {
      const document = parseDocument(read(shop.input));
      change(document);
      write(shop.input, String(document));
    },
    remove: () => rmSync(root, { recursive: true, force: true }),
  };
}
