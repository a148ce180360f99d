/** What a sign-in adds up to: so far a mailbox is all that anybody proves. OpenID Connect Core §2, `acr`. */
export const MAILBOX_ACR = 'urn:meridian:acr:mailbox'

/** The authentication context of these methods (RFC 8176); further factors get values of their own here. */
export function acrOf(amr: readonly string[]): string {
  if (amr.length === 1 && amr[0] === 'otp') return MAILBOX_ACR
  throw new Error(`no acr is defined for ${amr.join(' ')}`)
}
