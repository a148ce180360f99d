import type { UserInfo } from '@meridian/protocol/user-info'
import { Refusal } from '../refusal.ts'
import type { SignedInPerson } from './signed-in-person.ts'

/** The claims that the token's scopes ask for (OpenID Connect Core §5.4). Throws Refusal (insufficient_scope). */
export function userInfoOf(person: SignedInPerson): UserInfo {
  const scopes = new Set(person.scope.split(' '))
  if (!scopes.has('openid')) throw new Refusal('insufficient_scope', 'the token is not for OpenID Connect')
  return {
    sub: person.userId,
    ...(scopes.has('profile') ? { name: person.name } : {}),
    ...(scopes.has('email') && person.email !== null
      ? { email: person.email, email_verified: person.isEmailVerified }
      : {}),
  }
}
