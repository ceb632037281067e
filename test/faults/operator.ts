/** Operator mode of nats-server: JWTs of an operator, its accounts and their users, signed here. */
import { nkeys } from "nats";

const base64url = (data: Uint8Array | string) => Buffer.from(data).toString("base64url");
const unlimited = { subs: -1, data: -1, payload: -1 };
type KeyPair = ReturnType<typeof nkeys.createUser>;

function sign(issuer: KeyPair, subject: KeyPair, nats: object, claims: object = {}): string {
  const payload = {
    jti: crypto.randomUUID(),
    iat: Math.floor(Date.now() / 1000),
    iss: issuer.getPublicKey(),
    name: "test",
    sub: subject.getPublicKey(),
    nats: { version: 2, ...nats },
    ...claims,
  };
  const head = base64url(JSON.stringify({ typ: "JWT", alg: "ed25519-nkey" }));
  const text = `${head}.${base64url(JSON.stringify(payload))}`;
  return `${text}.${base64url(issuer.sign(new TextEncoder().encode(text)))}`;
}

/** An operator with one account that may use JetStream, and a system account. */
export function makeOperator() {
  const [operator, system, account] = [nkeys.createOperator(), nkeys.createAccount(), nkeys.createAccount()];
  const limits = { ...unlimited, imports: -1, exports: -1, wildcards: true, conn: -1, leaf: -1 };
  const streams = { mem_storage: -1, disk_storage: -1, streams: -1, consumer: -1 };
  const accountJwt = (of: KeyPair, more: object) =>
    sign(operator, of, { type: "account", limits: { ...limits, ...more } });
  return {
    /** Lines for the server's configuration. */
    config: [
      `operator: ${sign(operator, operator, { type: "operator", system_account: system.getPublicKey() })}`,
      "resolver: MEMORY",
      `system_account: ${system.getPublicKey()}`,
      "resolver_preload: {",
      `  ${system.getPublicKey()}: ${accountJwt(system, {})}`,
      `  ${account.getPublicKey()}: ${accountJwt(account, streams)}`,
      "}",
    ].join("\n"),
    /** The content of a credentials file for a new user, whose JWT ends so many seconds from now. */
    credentials: (seconds?: number): string => {
      const user = nkeys.createUser();
      const claims = seconds === undefined ? {} : { exp: Math.floor(Date.now() / 1000) + seconds };
      const jwt = sign(account, user, { type: "user", ...unlimited }, claims);
      const block = (kind: string, content: string) =>
        `-----BEGIN ${kind}-----\n${content}\n------END ${kind}------\n`;
      return block("NATS USER JWT", jwt) + block("USER NKEY SEED", new TextDecoder().decode(user.getSeed()));
    },
  };
}
