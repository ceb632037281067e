/** The secrets that tests and examples plant, read from their own text. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "../..");
/** `password: "…"`, `AGENT_TOKEN = '…'`, `"apiKey": "…"`. */
const NAMED =
  /(?:password|passwd|token|api_?key|secret|credential|private_?key)\w*["'\]]?\s*[:=]\s*["'`]([^"'`\s$\\]{10,})["'`]/gi;
/** `nats://user:password@host`. */
const IN_URL = /\/\/[^\s/:@"'`]*:([^\s/@"'`$\\{}]{5,})@/g;
/** A text that occurs nowhere else has a digit, or says what it is. */
const TELLING = /\d|planted|secret/;
/** Names of variables and types, words, paths and addresses are not secrets. */
const HARMLESS = /^(?:[A-Z][A-Z_0-9]+|[a-z]+(?:[A-Z][a-z]+)*|[./].*|https?:.*|[\w-]+\.(?:json|pem|ts|txt))$/;

function filesOf(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.(?:ts|mjs|py|pem|env)$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => !path.includes("node_modules"));
}

/** The lines of the private keys in a text. */
function keyLines(text: string): string[] {
  const keys = text.match(/-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]+?-----END/g) ?? [];
  return keys.flatMap((key) => key.split("\n").filter((line) => /^[A-Za-z0-9+/=]{32,}$/.test(line)));
}

/** Every planted secret, with the file that plants it. */
export function plantedSecrets(): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const path of ["test", "examples"].flatMap(filesOf)) {
    const text = readFileSync(path, "utf8");
    const literals = [...text.matchAll(NAMED), ...text.matchAll(IN_URL)].map(([, value]) => value!);
    const secrets = literals.filter((value) => TELLING.test(value) && !HARMLESS.test(value));
    for (const secret of [...secrets, ...keyLines(text)])
      if (!found.has(secret)) found.set(secret, path.slice(root.length + 1));
  }
  return found;
}
