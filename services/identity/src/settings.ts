// What the features need to know of the configuration, in their own words. Units end the names.

export type Settings = {
  /** RFC 8414 §2: exactly as it stands in every `iss`. */
  readonly issuer: string
  readonly accessTokenTtlSeconds: number
  readonly refreshIdleSeconds: number
  readonly refreshAbsoluteSeconds: number
  readonly browserBodyAbsoluteSeconds: number
  /** Life of an unused sign-on at the identity host, and of any. */
  readonly signOnIdleSeconds: number
  readonly signOnAbsoluteSeconds: number
  readonly sysAdminIdleSeconds: number
  readonly sysAdminAbsoluteSeconds: number
  /** How long the direct predecessor of an unused refresh token is still answered with that token. */
  readonly refreshGraceSeconds: number
  readonly authorizationCodeTtlSeconds: number
  /** How old a sign-in may be where a recent one is asked for. RFC 9470. */
  readonly stepUpMaxAgeSeconds: number
  readonly otpTtlSeconds: number
  readonly otpResendSeconds: number
  readonly otpSendsPerHour: number
  readonly otpSendsPerDay: number
  /** How long a change of address can be undone from the old one. */
  readonly emailChangeUndoSeconds: number
  /** From a signing key's first signature to its successor's. */
  readonly keyActiveSeconds: number
  /** Least time that a signing key is published before it signs. */
  readonly keyStagedSeconds: number
  readonly invitationTtlSeconds: number
  /** Between two mails of the same invitation. */
  readonly invitationResendSeconds: number
  /** To one address, of all organizations together. */
  readonly invitationMailsPerDay: number
  /** Per organization. */
  readonly invitationsPerDay: number
  /** Per organization. */
  readonly invitationsPendingMax: number
  /** From an organization's deletion to its purge. */
  readonly deletionGraceSeconds: number
  /** How long a slug that was given up is nobody else's. */
  readonly slugQuarantineSeconds: number
  readonly feedRetentionSeconds: number
  /** Of `<slug>.<base domain>`, a host of every organization that leads to its home region. */
  readonly baseDomain: string | undefined
  /** Per organization. */
  readonly domainsMax: number
  /** Without its TXT record a domain is served, and kept, so long. */
  readonly domainGraceSeconds: number
  readonly domainLapseSeconds: number
  /** How long a domain that was given up is nobody else's. */
  readonly domainQuarantineSeconds: number
  readonly mailFrom: string
  readonly productName: string
}
