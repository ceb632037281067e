/** What a user can say about TLS. */

/** Certificates in PEM, and the name to ask for and to check. */
export interface TlsSettings {
  /** Trusted in place of what the platform trusts. */
  readonly ca?: string | undefined;
  /** The client's own, with its key. */
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  /** Default: the host of the URL. */
  readonly servername?: string | undefined;
}
