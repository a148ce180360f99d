import { Refusal } from '../refusal.ts'
import type { Settings } from '../settings.ts'
import type { SignedInPerson } from './signed-in-person.ts'

/** Step-up (RFC 9470): throws Refusal (insufficient_user_authentication) unless the person signed in lately. */
export function requireRecentSignIn(
  settings: Pick<Settings, 'stepUpMaxAgeSeconds'>,
  person: Pick<SignedInPerson, 'authTime' | 'now'>,
): void {
  const maxAgeSeconds = settings.stepUpMaxAgeSeconds
  if (person.now - person.authTime <= maxAgeSeconds) return
  throw new Refusal('insufficient_user_authentication', 'the sign-in is too old', undefined, { maxAgeSeconds })
}
