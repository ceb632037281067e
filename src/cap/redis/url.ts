/** The URL of a Redis: one server, a Sentinel or a Cluster. */
import { ValidationError } from "../../core/errors.js";

/** A URL taken apart. `master` is the name of the group that the Sentinels watch. */
export type RedisAddress = ReturnType<typeof readRedisUrl>;

const FORM = /^(rediss?)(?:\+(sentinel|cluster))?:\/\/(?:([^@/]*)@)?([^/?#@]+)(?:\/([^?#]*))?$/;

/**
 * Reads `redis[s]://host:6379/db`, `redis[s]+sentinel://host:26379,host:26379/master/db` or
 * `redis[s]+cluster://host:6379,host:6379`, each with `user:password@` in front of the hosts. `s` is TLS.
 *
 * @throws ValidationError `INVALID_REDIS_URL`; its text never holds the URL, which may contain a password.
 */
export function readRedisUrl(text: string) {
  const [, scheme, mode, login = "", hosts = "", path = ""] = FORM.exec(text) ?? [];
  if (scheme === undefined) {
    throw invalid(
      "expected redis://host, rediss://host, redis+sentinel://host,host/master or redis+cluster://host,host",
    );
  }
  const kind = mode === "sentinel" || mode === "cluster" ? mode : "server";
  const [username = "", ...password] = login.split(":");
  const parts = path.split("/").filter((part) => part !== "");
  const master = kind === "sentinel" ? decoded(parts.shift() ?? "") : "";
  if (kind === "sentinel" && master === "") {
    throw invalid(
      "a Sentinel URL requires the name of the master as its path: redis+sentinel://host/mymaster",
    );
  }
  const [db = "0", ...rest] = parts;
  if (!/^\d{1,9}$/.test(db) || rest.length > 0) throw invalid("the path must be the number of a database");
  if (kind === "cluster" && db !== "0") throw invalid("a Cluster has no database but 0");
  const addresses = hosts.split(",").map((host) => addressOf(host, kind === "sentinel" ? 26_379 : 6_379));
  if (kind === "server" && addresses.length > 1) {
    throw invalid("several hosts require redis+sentinel:// or redis+cluster://");
  }
  return {
    kind,
    hosts: addresses,
    username: decoded(username),
    password: decoded(password.join(":")),
    master,
    db: Number(db),
    secure: scheme === "rediss",
  };
}

function addressOf(text: string, defaultPort: number): { host: string; port: number } {
  const url = URL.canParse(`redis://${text.trim()}`) ? new URL(`redis://${text.trim()}`) : undefined;
  if (url === undefined || url.hostname === "")
    throw invalid("a host must be `name`, `name:port` or `[ipv6]:port`");
  return {
    host: url.hostname.replace(/^\[(.*)\]$/, "$1"),
    port: url.port === "" ? defaultPort : Number(url.port),
  };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw invalid("a `%` in the user, the password or the path must be written as `%25`");
  }
}

function invalid(why: string): ValidationError {
  return new ValidationError(`invalid Redis URL: ${why}`, { code: "INVALID_REDIS_URL" });
}
