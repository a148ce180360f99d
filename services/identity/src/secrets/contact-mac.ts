// The name under which a contact's budgets, devices and mails are kept: no table but a person's own row holds an address
// to look them up by.
import { macOf } from './macs.ts'
import type { Secrets } from './secrets.ts'

export function contactMac(secrets: Pick<Secrets, 'otpKeys'>, contact: string): Uint8Array {
  const [key] = secrets.otpKeys
  return macOf(key, 'contact1', contact)
}

/** Under every key that may have named it, newest first. */
export function contactMacs(secrets: Pick<Secrets, 'otpKeys'>, contact: string): readonly Uint8Array[] {
  return secrets.otpKeys.map((key) => macOf(key, 'contact1', contact))
}
