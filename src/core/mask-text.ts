/** Secrets inside running text: found by their shape, not by a field's name. */
import { isSecretField, isSecretName } from "./secret-names.js";

/** What stands where a secret stood. */
export const masked = "[secret]";

const privateKeyBlock =
  /-----BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----[\s\S]*?(?:-----END (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----|$)/g;

/** Compact JWS and JWE. */
const jsonWebToken = /(?<![\w-])eyJ[\w-]{5,}\.[\w-]*(?:\.[\w-]*){1,3}/g;

/** A seed in the NKEY text form: base32, prefix S. */
const nkeySeed = /(?<![A-Z2-7])S[ACNOUX][A-Z2-7]{56}(?![A-Z2-7])/g;

/** An `Authorization` value; a challenge (`Bearer realm="…"`) and prose ("bearer token") are not one. */
const credential =
  /(?<![\w-])(Bearer|Basic)[ \t]+(?!(?:realm|error|scope)=|(?:auth|authentication|authorization|tokens?)(?![\w.~+/=-]))([\w.~+/-]+=*)/gi;

/** `scheme://user:password@`; the user is masked too, since some peers take a token there. */
const userInfo = /(?<![a-z0-9+.-])([a-z][a-z0-9+.-]{0,20}:\/\/)[^\s/?#"'<>]*@/gi;

/** Header lines whose values hold blanks, up to the end of the line. */
const headerLine = /^([ \t]*(?:(?:proxy-)?authorization|(?:set-)?cookie)):[ \t]*\S.*$/gim;

/** The start of `name=value` (queries, forms, env lines) and of `"name": "value"` (JSON text). */
const nameAndSign = /(?<![\w.-])([A-Za-z_][\w.-]{0,127})(\\?["']?\s{0,4}[=:]\s{0,4})/g;

/** What may follow {@link nameAndSign}: a quoted string, one with escaped quotes, or anything up to a blank. */
const assignedValue =
  /"(?:[^"\\]|\\[\s\S])*(?:"|\\?$)|\\"(?:[^"\\]|\\(?!")[\s\S])*(?:\\"|\\?$)|'[^'\n]*'?|[^\s&"'<>]+/y;

/** In a query these names are secrets although their words are not. */
const secretQueryNames = new Set(["key", "code"]);

function holdsPassword(base64: string): boolean {
  try {
    return atob(base64).includes(":");
  } catch {
    return false;
  }
}

/** A nested value, which is read on its own, or a flag, which gives nothing away. */
const openValue = /[{[]|(?:true|false|null)\b/y;

/** True when what is assigned to `name` at `at` may be a secret, judged without reading all of it. */
function mayBeSecret(name: string, sign: string, text: string, at: number): boolean {
  if (secretQueryNames.has(name.toLowerCase())) {
    const before = text[at - sign.length - name.length - 1];
    return sign === "=" && (before === "?" || before === "&");
  }
  if (!isSecretName(name)) return false;
  if (text[at] === '"' || text[at] === "'" || text.startsWith('\\"', at)) return true;
  // In prose a colon follows ordinary words ("token: missing"): a lone word needs quotes or "=".
  if (sign.trim() === ":" && /^[a-z]+$/i.test(name)) return false;
  openValue.lastIndex = at;
  return !openValue.test(text);
}

function maskAssignments(text: string): string {
  let out = "";
  let copied = 0;
  nameAndSign.lastIndex = 0;
  for (let found = nameAndSign.exec(text); found !== null; found = nameAndSign.exec(text)) {
    const [, name = "", sign = ""] = found;
    const at = nameAndSign.lastIndex;
    if (!mayBeSecret(name, sign, text, at)) continue;
    assignedValue.lastIndex = at;
    const value = assignedValue.exec(text)?.[0] ?? "";
    const isCount = /^-?[\d.]+[,;)}\]]*$/.test(value) && isSecretName(name) && !isSecretField(name, 0);
    if (value === "" || isCount) continue;
    const quote = /^\\?["']/.exec(value)?.[0] ?? "";
    out += `${text.slice(copied, at)}${quote}${masked}${quote}`;
    copied = nameAndSign.lastIndex = at + value.length;
  }
  return copied === 0 ? text : out + text.slice(copied);
}

/**
 * `text` with every private key in PEM form, JSON web token, NKEY seed, `Bearer` and `Basic` credential,
 * password in a URL, and value assigned to a secret's name (`token=…`, `"api_key": "…"`) replaced.
 *
 * A word of prose may be masked too; a secret without one of these shapes is not found here.
 */
export function maskText(text: string): string {
  if (text.length < 6) return text;
  const shaped = text
    .replace(privateKeyBlock, masked)
    .replace(headerLine, `$1: ${masked}`)
    .replace(credential, (found, scheme: string, value: string) =>
      scheme.toLowerCase() === "basic" && !holdsPassword(value) ? found : `${scheme} ${masked}`,
    )
    .replace(jsonWebToken, masked)
    .replace(nkeySeed, masked)
    .replace(userInfo, `$1${masked}@`);
  return maskAssignments(shaped);
}
