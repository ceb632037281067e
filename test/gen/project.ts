import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { type Document, parseDocument } from "yaml";
import type { CapTables, Config, OpenApiSpec, ProtoSpec } from "../../src/generate/config.ts";

const fixtures = join(import.meta.dirname, "fixtures");
const cache = join(import.meta.dirname, "..", "..", ".cache");

/** The spec of `fixtures/shop.yaml`. */
export const shop: OpenApiSpec = {
  openapi: "specs/shop/openapi.yaml",
  out: "gen/shop",
  camelCase: true,
  proof: true,
  schemas: true,
  baseline: "specs/shop/baseline.yaml",
  acceptedBreaks: "specs/shop/accepted-breaks.yaml",
  rules: "house",
};

const library: OpenApiSpec = {
  ...shop,
  openapi: "specs/library/openapi.yaml",
  out: "",
  client: "LibraryClient",
};

/** The spec of `fixtures/library.yaml`, once with camelCase and once as it is. */
export const libraries: Config = {
  specs: {
    "library/camel": { ...library, out: "gen/library/camel" },
    "library/wire": { ...library, out: "gen/library/wire", camelCase: false },
  },
};

/** The spec of the protos. */
export const bus: ProtoSpec & { readonly cap: CapTables } = {
  proto: "specs/bus",
  out: "gen/bus",
  cap: { packet: "bus/v1/packet.proto", subjects: "specs/bus/subjects.yaml" },
  baseline: "specs/bus/baseline.binpb",
  acceptedBreaks: "specs/bus/accepted-breaks.yaml",
  rules: "house",
};

/** `fixtures/shop.yaml` alone: no buf is run. */
export const shopOnly: Config = { specs: { shop } };

/** The shop and a small bus in protobuf. */
export const shopAndBus: Config = { specs: { bus, shop } };

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
    "packet.proto": "specs/bus/bus/v1/packet.proto",
    "subjects.yaml": "specs/bus/subjects.yaml",
    "shop.yaml": shop.openapi,
    "library.yaml": library.openapi,
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
      const document = parseDocument(read(shop.openapi));
      change(document);
      write(shop.openapi, String(document));
    },
    remove: () => rmSync(root, { recursive: true, force: true }),
  };
}
