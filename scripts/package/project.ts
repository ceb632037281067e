import { execFile } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { promisify } from "node:util";

const root = join(import.meta.dirname, "../..");

/** What a command printed, and how it ended. */
export interface Ended {
  readonly code: number;
  readonly output: string;
}

/** A project of someone else: an empty folder beside the installed tarball. */
export class Project {
  constructor(
    readonly folder: string,
    /** Where the tarball is installed. */
    readonly installed: string,
  ) {
    rmSync(folder, { recursive: true, force: true });
    this.write("package.json", '{ "private": true, "type": "module" }');
    const include = ["*.ts", "src", "gen"];
    const compilerOptions = {
      strict: true,
      module: "nodenext",
      target: "es2022",
      noEmit: true,
      types: ["node"],
    };
    this.write("tsconfig.json", JSON.stringify({ compilerOptions, include }));
  }

  write(file: string, text: string): void {
    const path = join(this.folder, file);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }

  read(file: string): string {
    return readFileSync(join(this.folder, file), "utf8");
  }

  /** Replaces text that a file has. */
  replace(file: string, from: string, to: string): void {
    const text = this.read(file);
    if (!text.includes(from)) throw new Error(`${file} does not have ${JSON.stringify(from)}`);
    this.write(file, text.replace(from, to));
  }

  /** The `agentwire` of the tarball. */
  agentwire(...args: string[]): Promise<Ended> {
    return this.#run(process.execPath, join(this.installed, "dist/src/cli/main.js"), ...args);
  }

  /** Compiles all files of the project. */
  compile(): Promise<Ended> {
    return this.#run(join(root, "node_modules/.bin/tsc"));
  }

  /** Runs a TypeScript file. */
  start(file: string, ...args: string[]): Promise<Ended> {
    return this.#run(join(root, "node_modules/.bin/tsx"), file, ...args);
  }

  async #run(command: string, ...args: string[]): Promise<Ended> {
    // GitHub's own variable would change what is printed.
    const env = { ...process.env, GITHUB_ACTIONS: "", NO_COLOR: "1" };
    try {
      const { stdout, stderr } = await promisify(execFile)(command, args, { cwd: this.folder, env });
      return { code: 0, output: stdout + stderr };
    } catch (error) {
      const {
        code,
        stdout = "",
        stderr = "",
      } = error as { code?: unknown; stdout?: string; stderr?: string };
      return { code: typeof code === "number" ? code : -1, output: stdout + stderr || String(error) };
    }
  }
}

/** A step must end with this code and print this text. @throws Error with all that it printed, if not */
export async function expectEnd(
  step: string,
  ended: Promise<Ended>,
  code: number,
  text: string | RegExp = "",
): Promise<void> {
  const found = await ended;
  const isPrinted = typeof text === "string" ? found.output.includes(text) : text.test(found.output);
  if (found.code === code && isPrinted) return;
  throw new Error(`${step}: expected exit code ${code} and ${text}, found ${found.code}:\n${found.output}`);
}
