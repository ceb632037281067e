import { describe, expect, it } from "vitest";
import { isSecretField, isSecretName } from "../../src/core/secret-names.ts";

const secrets = [
  ..."authorization Authorization Proxy-Authorization token Token accessToken access_token ACCESS_TOKEN refresh-token".split(
    " ",
  ),
  ..."idToken bearerToken X-Auth-Token apiKey api_key apikey API_KEY APIKey x-api-key X-API-Key openaiApiKey".split(
    " ",
  ),
  ..."secret clientSecret client_secret secretKey secret_key SecretAccessKey secrets password Password PASSWD pwd".split(
    " ",
  ),
  ..."db.password userPassword passwordHash passphrase privateKey private_key agentPrivateKeyPem PRIVATE_KEY".split(
    " ",
  ),
  ..."AGENT_PRIVATE_KEY credential credentials creds cookie Cookie set-cookie Set-Cookie proof X-Agent-Proof jwt".split(
    " ",
  ),
  ..."sessionToken session_key signingKey encryption_key hmacKey sharedKey masterKey deviceCode code_verifier".split(
    " ",
  ),
  ..."client_assertion auth proxyAuth _auth accesstoken clientsecret user.pass otp tokens enrollmentToken agentprivatekeypem api_keys sharedKeys".split(
    " ",
  ),
];

const open = [
  ..."key keys id name value message error url topic subject signature sig publicKey public_key PUBLIC_KEY keyId".split(
    " ",
  ),
  ..."idempotencyKey sortKey apiKeyId private_key_id secretName tokenCount token_count tokens_used maxTokens".split(
    " ",
  ),
  ..."max_tokens max_output_tokens totalTokens promptTokens completion_tokens tokenLimit tokenUsage tokensPerSecond".split(
    " ",
  ),
  ..."tokensRemaining token_type tokenType token_endpoint tokenUrl token_expires_at expiresAt passwordLength author".split(
    " ",
  ),
  ..."authority authMode authenticated secretary cookieName nonce jti kid correlationId broken monkey compass".split(
    " ",
  ),
  ..."passed bypass tokenizer proofread deviceId code statusCode _ 123".split(" "),
  "",
];

describe("isSecretName", () => {
  it.each(secrets)("takes %s for a secret", (name) => {
    expect(isSecretName(name)).toBe(true);
    expect(isSecretName(name)).toBe(true);
    expect(isSecretField(name, "x")).toBe(true);
  });

  it.each(open)("leaves %j alone", (name) => {
    expect(isSecretName(name)).toBe(false);
  });

  it("judges a name of any length by its end", () => {
    expect(isSecretName(`${"x-".repeat(5_000)}api-key`)).toBe(true);
    expect(isSecretName("x-".repeat(5_000))).toBe(false);
  });

  it("keeps its answers when more names come than it remembers", () => {
    for (let n = 0; n < 5_000; n++) expect(isSecretName(`field${n}_token`)).toBe(true);
    expect(isSecretName("field_name")).toBe(false);
  });
});

describe("isSecretField", () => {
  it("leaves what gives nothing away", () => {
    for (const value of [undefined, null, true, false]) expect(isSecretField("password", value)).toBe(false);
    for (const value of [12, 12n]) expect(isSecretField("tokens", value)).toBe(false);
  });

  it("masks everything else under a secret's name, numbers too", () => {
    for (const value of ["", "x", 1234, 5n, [], {}, ["t"]])
      expect(isSecretField("password", value)).toBe(true);
    for (const value of ["t", ["t"], { value: "t" }]) expect(isSecretField("tokens", value)).toBe(true);
    for (const value of [1234, 5n]) expect(isSecretField("passcode", value)).toBe(true);
    expect(isSecretField("topic", "x")).toBe(false);
  });
});
