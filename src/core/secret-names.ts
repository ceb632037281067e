/** Which names of fields, headers and parameters hold a secret. */

/** One of these words anywhere in a name makes it a secret's name. */
const secretWords = new Set(
  (
    "authorization passwd pwd passcode secret secrets creds cookie cookies bearer jwt otp proof assertion " +
    "token tokens idtoken"
  ).split(" "),
);

/** The same for what is often written as one word, alone or run into others. */
const secretParts =
  /password|passphrase|credential|clientsecret|(?:api|private|secret|access|signing|encryption)key|(?:access|auth|refresh|session|bearer)token/;

/** One of these words directly before "key" or "keys" makes it a secret key. */
const secretKeyKinds = new Set(
  "api private secret access signing encryption shared auth master hmac account session ssh".split(" "),
);

/** A name that ends in one of these says something about a secret and is not one. */
const factWords = new Set(
  (
    "id ids name names type types kind count counts used usage limit limits budget length size bytes ttl ms seconds " +
    "expires expiry expiration at url uri endpoint path file status state version algorithm alg scheme mode policy " +
    "required enabled source issuer audience scope scopes per rate cost"
  ).split(" "),
);

/** Beside "token" these speak of language model tokens or of a quota. */
const countingWords = new Set(
  "max min total num number count used usage limit budget remaining per prompt completion cached reasoning".split(
    " ",
  ),
);

/** `X-API-Key`, `api_key`, `apiKey` and `APIKey` in words of lower case. */
function wordsOf(name: string): string[] {
  return name
    .replace(/([a-z0-9])([A-Z])/g, "$1 $2")
    .replace(/([A-Z])([A-Z][a-z])/g, "$1 $2")
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter((word) => word !== "");
}

function judge(name: string): "secret" | "token" | "open" {
  const words = wordsOf(name);
  const last = words.at(-1);
  if (last === undefined || factWords.has(last)) return "open";
  if (last === "auth" || last === "pass" || name.toLowerCase() === "code_verifier") return "secret";
  let verdict: "secret" | "token" | "open" = "open";
  for (const [at, word] of words.entries()) {
    if ((word === "key" || word === "keys") && secretKeyKinds.has(words[at - 1] ?? "")) return "secret";
    if (word === "code" && words[at - 1] === "device") return "secret";
    if (secretParts.test(word)) return "secret";
    if (!secretWords.has(word)) continue;
    if (word !== "token" && word !== "tokens") return "secret";
    if (!words.some((other) => countingWords.has(other))) verdict = "token";
  }
  return verdict;
}

const verdicts = new Map<string, "secret" | "token" | "open">();
const rememberedNames = 2_000;

function verdictOf(name: string): "secret" | "token" | "open" {
  let verdict = verdicts.get(name);
  if (verdict === undefined) {
    verdict = judge(name.slice(-256));
    if (verdicts.size >= rememberedNames) verdicts.clear();
    verdicts.set(name, verdict);
  }
  return verdict;
}

/**
 * True when a field of this name holds a secret: judged by its words, so that `apiKey`, `X-API-Key`,
 * `agentPrivateKeyPem` and `client_secret` are found, while `publicKey`, `tokenCount`, `token_type`,
 * `secretName` and `signature` are not secrets.
 */
export function isSecretName(name: string): boolean {
  return verdictOf(name) !== "open";
}

/**
 * True when `value` under `name` has to be masked. Nothing, a boolean, and a number that counts tokens give
 * nothing away; any other value under a secret's name does.
 */
export function isSecretField(name: string, value: unknown): boolean {
  if (value === undefined || value === null || typeof value === "boolean") return false;
  const verdict = verdictOf(name);
  if (verdict === "token") return typeof value !== "number" && typeof value !== "bigint";
  return verdict === "secret";
}
