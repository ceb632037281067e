/** Sends one mail through the gateway, however often it is asked to, and handles each kind of refusal. */
import {
  GatewayAuthError,
  GatewayClient,
  GatewayPolicyError,
  GatewayRateLimitError,
  GatewayUpstreamError,
  generateIdempotencyKey,
} from "agentwire/4runr";

export async function sendMail(env: NodeJS.ProcessEnv = process.env): Promise<string> {
  const gw = new GatewayClient({
    baseUrl: env.GATEWAY_URL ?? "mock://localhost",
    agentId: env.AGENT_ID ?? "test-agent",
    agentPrivateKeyPem: env.AGENT_PRIVATE_KEY ?? "test-key",
  });
  const mail = {
    to: "prospect@company.com",
    subject: "Partnership opportunity",
    body: "Hi there, I think we could work together...",
    idempotency_key: generateIdempotencyKey(),
  };
  try {
    const sent = await gw.proxy("gmail_send", "send", mail);
    // The gateway knows nothing of the key; the client does, and does not send again.
    const again = await gw.proxy("gmail_send", "send", mail);
    console.log(`${sent.status} to ${sent.to}, ${sent.body_len} characters`);
    return sent.id === again.id ? "sent once" : "sent twice";
  } catch (error) {
    if (error instanceof GatewayAuthError) return "authentication failed";
    if (error instanceof GatewayPolicyError) return `denied by policy: ${error.reason}`;
    if (error instanceof GatewayRateLimitError) return `rate limited, retry after ${error.retryAfter} s`;
    if (error instanceof GatewayUpstreamError) return "the mail service failed";
    throw error;
  } finally {
    await gw.close();
  }
}

if (process.argv[1] === import.meta.filename) {
  const outcome = await sendMail();
  console.log(outcome);
  if (outcome !== "sent once") process.exitCode = 1;
}
