// Token revocation (RFC 7009 §2): a token of a sign-in ends the whole session, wherever that was.
import { withTransaction } from '@meridian/database/transaction'
import { type Origin, recordAudit } from '../audit/record.ts'
import type { Deps } from '../deps.ts'
import { Refusal } from '../refusal.ts'
import type { Client } from '../store/clients.ts'
import type { IdentityDb } from '../store/open-store.ts'
import { lockFamily, revokeSession } from '../store/refresh-token-families.ts'
import { findSignedIn } from '../store/sessions.ts'
import { isOurAccessToken, openAccountToken } from './access-token.ts'
import { parseRefreshToken, verifyRefreshToken } from './refresh-token.ts'

type RevokeDeps = Pick<Deps, 'db' | 'settings' | 'secrets' | 'keySet' | 'makeId'>

/**
 * Resolves where the token is over, also when it never was one. Throws Refusal: invalid_grant for a token of another
 * client; unsupported_token_type for a region token, which its regional API has seen and could bring here in a public
 * client's name, and for a client's token on its own behalf.
 */
export async function revokeToken(deps: RevokeDeps, client: Client, token: string, origin: Origin): Promise<void> {
  const access = openAccountToken(deps, token)
  if (access !== undefined) return revokeByAccessToken(deps, client, access, origin)
  if (isOurAccessToken(deps, token)) throw new Refusal('unsupported_token_type', 'a region token, or a client token')
  return revokeByRefreshToken(deps, client, token, origin)
}

type SessionClaims = { readonly client_id: string; readonly sid: string; readonly exp: number }

/** An access token that has expired ends nothing: whoever found it in a log signs nobody out. */
async function revokeByAccessToken(
  deps: RevokeDeps,
  client: Client,
  claims: SessionClaims,
  origin: Origin,
): Promise<void> {
  if (claims.client_id !== client.id) throw new Refusal('invalid_grant', 'the token belongs to another client')
  await withTransaction(deps.db, async (db) => {
    const live = await findSignedIn(db, claims.sid, client.id)
    if (live === undefined || live.now >= claims.exp) return
    await endSession(deps, db, client, { sessionId: claims.sid, userId: live.user_id }, origin)
  })
}

async function revokeByRefreshToken(deps: RevokeDeps, client: Client, token: string, origin: Origin): Promise<void> {
  const parsed = parseRefreshToken(token)
  if (parsed === undefined) return
  await withTransaction(deps.db, async (db) => {
    const family = await lockFamily(db, parsed.familyId)
    if (family === undefined) return
    const isGenuine = (clientId: string) =>
      verifyRefreshToken(deps.secrets, { issuer: deps.settings.issuer, clientId }, token) !== undefined
    if (!isGenuine(family.client_id)) return
    if (family.client_id !== client.id) throw new Refusal('invalid_grant', 'the token belongs to another client')
    await endSession(deps, db, client, { sessionId: family.session_id, userId: family.user_id }, origin)
  })
}

async function endSession(
  deps: RevokeDeps,
  db: IdentityDb,
  client: Client,
  ended: { readonly sessionId: string; readonly userId: string },
  origin: Origin,
): Promise<void> {
  if (!(await revokeSession(db, ended.sessionId, 'signed_out'))) return
  await recordAudit(db, deps.makeId, 'session.revoked', {
    outcome: 'success',
    requestId: origin.requestId,
    ip: origin.ip,
    actorUserId: ended.userId,
    clientId: client.id,
    sessionId: ended.sessionId,
  })
}
