import { readFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { formatFinding } from "../../src/generate/finding.ts";
import { generate } from "../../src/generate/run.ts";
import type { HttpOperation } from "../../src/http/index.ts";
import { req } from "../requirements/index.ts";
import { libraries, makeProject, type Project } from "./project.ts";

const repo = join(import.meta.dirname, "..", "..");
let project: Project;
let warnings: string[];
let operations: Readonly<Record<string, HttpOperation>>;
let client: string;

beforeAll(async () => {
  project = makeProject();
  const written = await generate({ root: project.root, config: libraries });
  warnings = written.warnings.map(formatFinding);
  ({ operationTable: operations } = await import(project.path("gen/library/camel/operations.ts")));
  client = project.read("gen/library/camel/client.ts");
});
afterAll(() => project.remove());

/** The signature of a method on one line, what it does, and its comment. */
function methodOf(name: string): { signature: string; body: string; doc: string } {
  const file = ts.createSourceFile("client.ts", client, ts.ScriptTarget.ES2022, true);
  const [owner] = file.statements.filter(ts.isClassDeclaration);
  const method = owner!.members
    .filter(ts.isMethodDeclaration)
    .find((member) => member.name.getText() === name)!;
  const line = (text: string) =>
    text
      .replace(/\s+/g, " ")
      .replace(/([(<]) /g, "$1")
      .replace(/ >/g, ">");
  const parameters = method.parameters.map((parameter) => parameter.getText()).join(", ");
  return {
    signature: line(`(${parameters}): ${method.type!.getText()}`),
    body: method.body!.statements.map((statement) => statement.getText()).join("\n"),
    doc: client.slice(method.getFullStart(), method.getStart()),
  };
}

const NONE = "Record<never, never>";

describe("a generated method", () => {
  it.each([
    [
      "listBooks",
      `(shelfId: string, options?: QueryOptions<ListBooksQuery>): PagePromise<BookPage, Book, ${NONE}>`,
      "pages(listBooksOp, [shelfId], options)",
    ],
    [
      "delete",
      `(path: { readonly shelfId: string; readonly bookId: string }, options?: CallOptions): ResponsePromise<void, ${NONE}>`,
      "send(deleteOp, [path.shelfId, path.bookId], options)",
    ],
    [
      "getBook",
      `(path: { readonly shelfId: string; readonly bookId: string }, options?: CallOptions): ResponsePromise<Book | GetBookResponse, { "4XX": Problem }>`,
      "send(getBookOp, [path.shelfId, path.bookId], options)",
    ],
    [
      "fillSlot",
      `(shelfId: string, slot: number, body: Uint8Array, options?: CallOptions): ResponsePromise<void, ${NONE}>`,
      "send(fillSlotOp, [shelfId, slot], options, body)",
    ],
    [
      "hasSlot",
      `(shelfId: string, slot: number, options?: CallOptions): ResponsePromise<void, ${NONE}>`,
      "send(hasSlotOp, [shelfId, slot], options)",
    ],
    [
      "constructor_",
      `(default_: string, body?: Delete, options?: CallOptions): ResponsePromise<void, ${NONE}>`,
      "send(constructorOp, [default_], options, body)",
    ],
    [
      "exportCatalogue",
      `(options?: CallOptions): ResponsePromise<string, ${NONE}>`,
      "send(exportCatalogueOp, [], options)",
    ],
    [
      "getCover",
      "(options?: CallOptions): ResponsePromise<Uint8Array, { 500: string }>",
      "send(getCoverOp, [], options)",
    ],
    [
      "uploadCover",
      `(body: UploadCoverRequest | FormData, options?: CallOptions): ResponsePromise<void, ${NONE}>`,
      "send(uploadCoverOp, [], options, body)",
    ],
    [
      "logIn",
      "(body: LogInRequest, options?: CallOptions): ResponsePromise<RateEstimate, { default: RateEstimate }>",
      "send(logInOp, [], options, body)",
    ],
    [
      "leaveNote",
      `(body: string, options?: CallOptions): ResponsePromise<void, ${NONE}>`,
      "send(leaveNoteOp, [], options, body)",
    ],
    [
      "watch",
      "(options?: QueryOptions<WatchQuery>): AsyncIterable<WatchEvent>",
      "events(watchOp, [], options)",
    ],
    [
      "ask",
      "(body: BigOrder, options?: CallOptions): AsyncIterable<unknown>",
      "events(askOp, [], options, body)",
    ],
  ])("%s has the arguments and the result of its operation", (name, signature, call) => {
    const method = methodOf(name);
    expect(method.signature).toBe(signature);
    expect(method.body).toBe(`return this.#http.${call};`);
  });

  it("carries the documentation of its operation", () => {
    const { doc } = methodOf("addBook");
    for (const part of [
      "Put a book on a shelf.",
      "At the end. `*\\/` cannot",
      "`POST /shelves/{shelf_id}/books`",
      "@deprecated",
    ])
      expect(doc).toContain(part);
  });

  it("casts nothing", () => {
    expect(client.replace(/\/\*\*[\s\S]*?\*\//g, "")).not.toMatch(/\bas\b(?! RawClient)|\bany\b/);
  });

  it("gets another name where a class has no room for its own, which is worth a warning", () => {
    const expected = ["then", "close", "constructor"].flatMap((id) => [
      expect.stringMatching(
        new RegExp(`^specs/library/openapi\\.yaml:\\d+:7: the method of ${id} is ${id}_: `),
      ),
    ]);
    expect(warnings).toEqual([...expected, ...expected]);
  });
});

describe("a generated operation", () => {
  it.each([
    ["patchBook", { body: "json", contentType: "application/merge-patch+json" }],
    ["fillSlot", { body: "bytes", contentType: "image/png", result: "none" }],
    ["hasSlot", { method: "HEAD", result: "none" }],
    ["exportCatalogue", { result: "text", public: true }],
    ["getCover", { result: "bytes", errors: ["500"] }],
    ["uploadCover", { body: "multipart", result: "none" }],
    ["logIn", { body: "form", errors: ["default"] }],
    ["leaveNote", { body: "text", contentType: "text/markdown", result: "none" }],
    ["watch", { result: "events" }],
    ["getBook", { errors: ["4XX"] }],
    ["listBooks", { paging: { items: "bookList", parameter: "pageToken", next: "nextToken" } }],
    ["default", { paging: { parameter: "pageNo", counts: "page" } }],
  ])("%s says how bodies travel", (id, expected) => {
    const { id: _, method, path, idempotent, shapes, expects: __, ...rest } = operations[id]!;
    const { method: wanted = method, ...members } = expected as Partial<HttpOperation>;
    expect({ method, ...rest }).toEqual({ method: wanted, ...members });
  });

  it("has a row in the key map for a member called __proto__", async () => {
    const { keyMap } = await import(project.path("gen/library/camel/keys.ts"));
    expect(Object.entries(keyMap.Book)).toContainEqual(["__proto__", "Book.__proto__"]);
  });
});

describe("a name that is none in TypeScript", () => {
  it("becomes one", () => {
    for (const name of [
      "RecordModel",
      "CallOptionsModel",
      "ChartAxes",
      "RateEstimate",
      "Delete",
      "BigOrder",
      "_2ndTry",
    ]) {
      expect(project.read("gen/library/camel/models.ts")).toMatch(
        new RegExp(`^export (?:interface|type) ${name}\\b`, "m"),
      );
      expect(project.read("gen/library/wire/models.ts")).toMatch(
        new RegExp(`^export type ${name} = components`, "m"),
      );
    }
  });

  it.each([
    ["operationId: leaveNote", "operationId: then_", "then_ and then are both then_ in the client"],
    ["\n    rate-estimate:", "\n    Chart-Axes:", "there are two types called ChartAxes"],
    ["{shelf_id}/slots/{slot}", "{shelf_id}/slots/{shelf-id}", "is called shelfId, as another one is"],
    ["parameter: page_token", "parameter: page", "x-paging: page is not a query parameter of listBooks"],
    ["items: book_list", "items: books", "x-paging: books is not a list in the response of listBooks"],
    ["next: next_token", "next: token", "x-paging: the response of listBooks has no member token"],
    ["counts: page", "counts: pages", "x-paging.counts must be one of offset, page"],
    ["counts: page", "each: page", "x-paging.each is not known"],
  ])("is a finding if %j becomes %j", async (from, to, message) => {
    const other = makeProject();
    try {
      const file = "specs/library/openapi.yaml";
      const text = other.read(file);
      expect(text).toContain(from);
      const changed = text.replace(from, to);
      other.write(
        file,
        to.includes("shelf-id")
          ? changed.replaceAll("name: slot,", "name: shelf-id,")
          : to.includes("Chart")
            ? changed.replaceAll("schemas/rate-estimate", "schemas/Chart-Axes")
            : changed,
      );
      const run = generate({ root: other.root, config: libraries });
      await expect(run).rejects.toThrow(message);
      await expect(run).rejects.toThrow(/^specs\/library\/openapi\.yaml:\d+:\d+: /);
    } finally {
      other.remove();
    }
  });
});

describe("a document without operations and schemas", () => {
  it("gives modules that compile", async () => {
    const other = makeProject();
    try {
      const header = "openapi: 3.1.0\ninfo: { title: Nothing, version: 1.0.0 }\npaths: {}\n";
      other.write("specs/library/openapi.yaml", header);
      await generate({ root: other.root, config: libraries });
      expect(other.read("gen/library/wire/models.ts")).toMatch(/\nexport \{\};\n$/);
      expect(diagnose(other, [other.path("gen/library/index.ts")])).toEqual([]);
    } finally {
      other.remove();
    }
  });
});

/** What the compiler says about files of a project, at its strictest. */
function diagnose({ root }: Project, files: readonly string[]): string[] {
  const { config } = ts.readConfigFile(join(repo, "tsconfig.json"), ts.sys.readFile);
  const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, repo);
  const program = ts.createProgram(files, {
    ...options,
    skipLibCheck: false,
    typeRoots: [join(repo, "node_modules", "@types")],
  });
  const sources = program
    .getSourceFiles()
    .filter(({ fileName }) => fileName.startsWith(root) || fileName.includes("openapi-fetch"));
  const found = sources.flatMap((source) => [
    ...program.getSyntacticDiagnostics(source),
    ...program.getSemanticDiagnostics(source),
  ]);
  return found.map(({ file, start = 0, messageText }) => {
    const line = (file?.getLineAndCharacterOfPosition(start).line ?? -1) + 1;
    return `${file?.fileName.slice(root.length + 1)}:${line}: ${ts.flattenDiagnosticMessageText(messageText, "\n")}`;
  });
}

describe("generated clients", () => {
  it(req("specs.gen.signatures", "compile, accept right calls and refuse each wrong one"), () => {
    const reader = readFileSync(join(import.meta.dirname, "fixtures", "reader.ts.txt"), "utf8");
    project.write("reader.ts", reader);
    const folders = ["camel", "wire"].map((name) => `gen/library/${name}`);
    // A proof is not part of the barrel.
    const files = ["reader.ts", `${folders[0]}/proof.ts`, ...folders.map((folder) => `${folder}/index.ts`)];
    expect(diagnose(project, files.map(project.path))).toEqual([]);
    expect(reader.match(/@ts-expect-error/g)!.length).toBeGreaterThan(25);
  });

  it(req("specs.gen.proof", "are refused if a model differs from the document"), () => {
    const changes: [string, string, string][] = [
      ["  pageCount?: number;", "  pages?: number;", "Book"],
      ["  errorCode: string;", "  errorCode?: string;", "Problem"],
      ["  fullName?: string;", "  fullName?: number;", "Record"],
      ["  nextToken?: string | null;", "  nextToken?: string;", "BookPage"],
      ["  readyAt: string;", "  readyAt: string;\n  more?: string;", "getBook 202"],
      ["  searchText: string;", "  search_text: string;", "default query"],
    ];
    const models = "gen/library/camel/models.ts";
    const whole = project.read(models);
    for (const [from, to] of changes) project.edit(models, from, to);
    const proof = project.read("gen/library/camel/proof.ts").split("\n");
    const lines = diagnose(project, [project.path("gen/library/camel/proof.ts")]).map(
      (text) => proof[Number(text.split(":")[1]) - 1]!,
    );
    for (const [, , title] of changes)
      expect(
        lines.some((line) => line.includes(title)),
        title,
      ).toBe(true);
    expect(lines.some((line) => line.includes("RateEstimate"))).toBe(false);
    project.write(models, whole);
  });
});
