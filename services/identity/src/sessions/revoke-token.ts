// Token revocation (RFC 7009 §2): a refresh token ends its whole session, wherever that was.
import { withTransaction } from '@meridian/database/transaction'
import { type Origin, recordAudit } from '../audit/record.ts'
import type { Deps } from '../deps.ts'
import { Refusal } from '../refusal.ts'
import type { Client } from '../store/clients.ts'
import { lockFamily, revokeSession } from '../store/refresh-token-families.ts'
import { isOurAccessToken } from './access-token.ts'
import { parseRefreshToken, verifyRefreshToken } from './refresh-token.ts'

type RevokeDeps = Pick<Deps, 'db' | 'settings' | 'secrets' | 'keySet' | 'makeId'>

/**
 * Resolves where the token is over, also when it never was one. Throws Refusal: unsupported_token_type for our
 * access tokens (they end with their session), invalid_grant for a refresh token of another client.
 */
export async function revokeToken(deps: RevokeDeps, client: Client, token: string, origin: Origin): Promise<void> {
  if (isOurAccessToken(deps, token)) throw new Refusal('unsupported_token_type', 'access tokens end with their session')
  const parsed = parseRefreshToken(token)
  if (parsed === undefined) return
  await withTransaction(deps.db, async (db) => {
    const family = await lockFamily(db, parsed.familyId)
    if (family === undefined) return
    const isGenuine = (clientId: string) =>
      verifyRefreshToken(deps.secrets, { issuer: deps.settings.issuer, clientId }, token) !== undefined
    if (!isGenuine(family.client_id)) return
    if (family.client_id !== client.id) throw new Refusal('invalid_grant', 'the token belongs to another client')
    if (!(await revokeSession(db, family.session_id, 'signed_out'))) return
    await recordAudit(db, deps.makeId, 'session.revoked', {
      outcome: 'success',
      requestId: origin.requestId,
      ip: origin.ip,
      actorUserId: family.user_id,
      clientId: client.id,
      sessionId: family.session_id,
    })
  })
}
