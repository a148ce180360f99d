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
  readonly mailFrom: string
  readonly productName: string
}
