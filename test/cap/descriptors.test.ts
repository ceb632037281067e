import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fromBinary, toJson } from "@bufbuild/protobuf";
import type { FileDescriptorProto } from "@bufbuild/protobuf/wkt";
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { afterAll, describe, expect, it } from "vitest";
import * as gen from "../../gen/cap/index.js";
import { req } from "../requirements/index.ts";

const root = join(import.meta.dirname, "../..");
const temp = mkdtempSync(join(tmpdir(), "agentwire-"));
afterAll(() => rmSync(temp, { recursive: true }));

function load(file: string): Map<string, FileDescriptorProto> {
  const set = fromBinary(FileDescriptorSetSchema, readFileSync(file));
  return new Map(set.file.filter(({ name }) => name.startsWith("cordum/")).map((file) => [file.name, file]));
}

/**
 * All that a descriptor says, as one line per fact. Only two things do not count: comments with their
 * positions, and the order of imports, which `buf format` sorts.
 */
function facts(file: FileDescriptorProto): string[] {
  const plain = toJson(FileDescriptorProtoSchema, file) as Record<string, unknown>;
  delete plain.sourceCodeInfo;
  const imports = (plain.dependency as string[] | undefined) ?? [];
  plain.dependency = imports.map((name) => ({ name }));
  const lines: string[] = [];
  const walk = (value: unknown, path: string): void => {
    if (Array.isArray(value)) {
      value.forEach((item, i) => {
        const named = item as { name?: string; number?: number };
        walk(item, `${path}/${named?.name ?? i}`);
      });
    } else if (typeof value === "object" && value !== null) {
      for (const [key, item] of Object.entries(value)) walk(item, `${path}.${key}`);
    } else lines.push(`${path} = ${JSON.stringify(value)}`);
  };
  walk(plain, file.name);
  return lines.sort();
}

/** What a fact is about: the file, message, field or value it belongs to. */
function placeOf(fact: string): string {
  const [path = ""] = fact.split(" = ");
  return path.replace(/(\.options)?\.\w+$/, "");
}

describe("proto files", () => {
  const image = join(temp, "image.binpb");
  execFileSync(join(root, "node_modules/.bin/buf"), ["build", "-o", image], { cwd: root });
  const baseline = load(join(root, "specs/cap/baseline.binpb"));
  const ours = load(image);

  it(req("cap.proto.complete", "hold the seven of 2.17.0"), () => {
    expect([...baseline.keys()].sort()).toHaveLength(7);
    expect([...ours.keys()]).toEqual(expect.arrayContaining([...baseline.keys()]));
  });

  it.each([...baseline.keys()])(
    req("cap.proto.complete", "%s says exactly what the peers' file says, additions aside"),
    (name) => {
      const theirs = facts(baseline.get(name)!);
      expect(theirs.length).toBeGreaterThan(20);
      const said = facts(ours.get(name)!);
      expect(said.filter((fact) => theirs.includes(fact))).toEqual(theirs);
      // What is more belongs to messages, fields, values and the like that the peers' file does not have at all.
      const known = new Set(theirs.map(placeOf));
      expect(said.filter((fact) => !theirs.includes(fact) && known.has(placeOf(fact)))).toEqual([]);
    },
  );

  it("are what the generated code was made from", () => {
    const generated = Object.entries(gen).filter(([name]) => name.startsWith("file_cordum_"));
    expect(generated).toHaveLength(ours.size);
    for (const [, file] of generated) {
      const { proto } = file as { proto: FileDescriptorProto };
      const withoutJsonNames = (lines: string[]) => lines.filter((line) => !line.includes(".jsonName ="));
      expect(withoutJsonNames(facts(proto))).toEqual(withoutJsonNames(facts(ours.get(proto.name)!)));
    }
  });
});
