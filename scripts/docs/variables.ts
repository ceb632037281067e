/** Every environment variable that the library reads: what docs/environment.md says of them. */

interface Variable {
  /** The clients that read it. */
  readonly by: string;
  readonly means: string;
}

const NATS = "natsAgent, connectNats";
const REDIS = "natsAgent, RedisBlobStore, RedisResultCache";
const NEURON = "Neuron";
const HTTP = "all HTTP clients on Node";

/** The settings of TLS that servers of either kind have. */
const tlsOf = (server: string, by: string): Readonly<Record<string, Variable>> => ({
  [`${server}_TLS_CERT`]: {
    by,
    means: `File with the client certificate (PEM); requires \`${server}_TLS_KEY\``,
  },
  [`${server}_TLS_KEY`]: { by, means: "File with the private key of the client certificate (PEM)" },
  [`${server}_TLS_SERVER_NAME`]: { by, means: "Name that the server's certificate must carry" },
  [`${server}_TLS_INSECURE`]: { by, means: "`1` or `true` accepts any certificate; for tests only" },
});

/** The variables by name. An explicit option wins; white space around a value is removed; an empty value counts as unset. */
export const variables: Readonly<Record<string, Variable>> = {
  NATS_URL: { by: NATS, means: "NATS servers, separated by commas. Default: `nats://127.0.0.1:4222`" },
  NATS_TLS_CA: { by: NATS, means: "File with the certificates of trusted authorities (PEM)" },
  ...tlsOf("NATS", NATS),
  REDIS_URL: { by: REDIS, means: "Redis server. Default: `redis://127.0.0.1:6379/0`; `rediss://` for TLS" },
  REDIS_TLS_CA: {
    by: REDIS,
    means: "File with the certificates of trusted authorities (PEM), for `rediss://`",
  },
  ...tlsOf("REDIS", REDIS),
  SSL_CERT_FILE: { by: REDIS, means: "Used if `REDIS_TLS_CA` is not set" },
  CORDUM_SDK_HANDSHAKE: {
    by: "Agent, natsAgent",
    means: "Worker trust: `off` (default), `warn` or `enforce`",
  },
  BIGBRAIN_GATEWAY_URL: { by: NEURON, means: "URL of the BigBrain gateway. Required without `gatewayUrl`" },
  BIGBRAIN_NEURON_ID: { by: NEURON, means: "Id of the neuron. Required without `neuronId`" },
  BIGBRAIN_CREDENTIAL_FILE: { by: NEURON, means: "Credential file of `enroll`; wins over the two tokens" },
  BIGBRAIN_TOKEN: { by: NEURON, means: "Bearer token" },
  BIGBRAIN_TOKEN_FILE: { by: NEURON, means: "File with a bearer token, read for every request" },
  AUREUS_URL: { by: "AureusClient, AureusConsoleClient", means: "URL. Default: `http://localhost:3000`" },
  AUREUS_API_KEY: { by: "AureusClient", means: "API key, sent as a bearer token" },
  AUREUS_TOKEN: { by: "AureusConsoleClient", means: "Token of an earlier login" },
  AUREUS_USERNAME: { by: "AureusConsoleClient", means: "Login name; requires `AUREUS_PASSWORD`" },
  AUREUS_PASSWORD: { by: "AureusConsoleClient", means: "Password" },
  GATEWAY_URL: {
    by: "GatewayClient, GatewayAdmin",
    means: "URL of the 4Runr gateway. Required without `baseUrl`",
  },
  AGENT_ID: { by: "GatewayClient", means: "Id of the agent. Required without `agentId`" },
  HTTP_PROXY: { by: HTTP, means: "Proxy for `http://` URLs; the name in lower case wins" },
  HTTPS_PROXY: { by: HTTP, means: "Proxy for `https://` URLs; the name in lower case wins" },
  NO_PROXY: { by: HTTP, means: "Hosts that are reached without a proxy, separated by commas" },
  AGENTWIRE_LOG: {
    by: "all clients",
    means: "`debug`, `info`, `warn` (default), `error` or `silent`, for the default logger",
  },
};
