import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { absoluteLinks, stage } from "../../scripts/package/stage.ts";

const base = "https://example.test/o/r/blob/v1.0.0/";

describe("the published folder", () => {
  it.each([
    ["[a](docs/a.md)", `[a](${base}docs/a.md)`],
    ["[a](./docs/../LICENSE)", `[a](${base}LICENSE)`],
    ["[a](docs/a.md#part)", `[a](${base}docs/a.md#part)`],
    ["![a](docs/a.png)", "![a](https://example.test/o/r/raw/v1.0.0/docs/a.png)"],
    ['<img src="docs/a.png">', '<img src="https://example.test/o/r/raw/v1.0.0/docs/a.png">'],
    [
      "[a](#part) [b](https://b.test/) [c](mailto:c@c.test)",
      "[a](#part) [b](https://b.test/) [c](mailto:c@c.test)",
    ],
  ])("%s", (link, expected) => {
    expect(absoluteLinks(link, base)).toBe(expected);
  });

  it("has the files of the manifest, and no scripts", () => {
    const [root, folder] = [
      mkdtempSync(join(tmpdir(), "agentwire-stage-")),
      mkdtempSync(join(tmpdir(), "agentwire-stage-")),
    ];
    try {
      mkdirSync(join(root, "dist"));
      for (const file of ["LICENSE", "README.md", "dist/a.js", "secret.txt"])
        writeFileSync(join(root, file), "[x](y)");
      const manifest = {
        version: "1.0.0",
        repository: { url: "git+https://example.test/o/r.git" },
        files: ["dist"],
      };
      writeFileSync(
        join(root, "package.json"),
        JSON.stringify({ ...manifest, scripts: {}, devDependencies: {} }),
      );
      expect(stage(root, folder)).toBe("1.0.0");
      expect(readdirSync(folder).sort()).toEqual(["LICENSE", "README.md", "dist", "package.json"]);
      expect(readFileSync(join(folder, "README.md"), "utf8")).toBe(`[x](${base}y)`);
      expect(JSON.parse(readFileSync(join(folder, "package.json"), "utf8"))).toEqual(manifest);
    } finally {
      for (const path of [root, folder]) rmSync(path, { recursive: true, force: true });
    }
  });
});
