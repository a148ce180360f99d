import type { AccountTokenClaims } from '@meridian/protocol/access-token'
import type { SessionId, UserId } from '@meridian/protocol/ids'
import type { IdentityDb } from '../store/open-store.ts'
import { findSignedIn } from '../store/sessions.ts'

export type SignedInPerson = {
  readonly userId: UserId
  readonly sessionId: SessionId
  readonly clientId: string
  readonly platformRole: 'sys_admin' | null
  readonly email: string | null
  readonly isEmailVerified: boolean
  readonly name: string
  /** The account's. */
  readonly version: number
  /** The token's. */
  readonly scope: string
  /** The token's, in seconds since the epoch: a sign-in that came after it vouches for new tokens alone (RFC 9470 §4). */
  readonly authTime: number
  readonly amr: readonly string[]
  /** The database's clock as it read them, in seconds since the epoch. */
  readonly now: number
}

/** The person that an account token speaks of, if token, session, account and client are all good now. */
export async function findSignedInPerson(
  db: IdentityDb,
  claims: AccountTokenClaims,
): Promise<SignedInPerson | undefined> {
  const live = await findSignedIn(db, claims.sid, claims.client_id)
  if (live === undefined || live.user_id !== claims.sub || live.now >= claims.exp) return undefined
  return {
    userId: live.user_id,
    sessionId: live.session_id,
    clientId: claims.client_id,
    platformRole: live.platform_role,
    email: live.email,
    isEmailVerified: live.email_verified,
    name: live.name,
    version: live.version,
    scope: claims.scope,
    authTime: claims.auth_time,
    amr: live.amr,
    now: live.now,
  }
}
