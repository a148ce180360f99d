// Token exchange (RFC 8693): an account token of this client for a region token of one organization in one region.
// It neither rotates nor writes anything, so any number of tabs may do it at once; but for support access, each token of
// which is noted. A region token is no subject token here: a region can never act in the next one.
import { ACCESS_TOKEN_TYPE_URI } from '@meridian/protocol/oauth'
import type { TokenRequestOf } from '@meridian/protocol/oauth-requests'
import { Refusal } from '../refusal.ts'
import { openAccountToken } from '../sessions/access-token.ts'
import { admitSupport } from '../sessions/support-token.ts'
import { readForExchange } from '../store/mint-state.ts'
import { findSignedIn } from '../store/sessions.ts'
import { type GrantContext, type GrantDeps, type Proof, targetOf } from './grant.ts'

export async function exchangeToken(
  deps: GrantDeps,
  context: GrantContext,
  request: TokenRequestOf<'urn:ietf:params:oauth:grant-type:token-exchange'>,
): Promise<Proof> {
  const { client } = context
  if (request.subject_token_type !== ACCESS_TOKEN_TYPE_URI || request.actor_token !== undefined) {
    throw new Refusal('invalid_request', 'unsupported token types', 'subject_token_type: must be an access token')
  }
  if (request.requested_token_type !== undefined && request.requested_token_type !== ACCESS_TOKEN_TYPE_URI) {
    throw new Refusal('invalid_request', 'unsupported token type', 'requested_token_type: must be an access token')
  }
  const claims = openAccountToken(deps, request.subject_token)
  if (claims === undefined || claims.client_id !== client.id) {
    throw new Refusal('invalid_grant', 'the subject token is no account token of this client')
  }
  const target = targetOf(client, request)
  if (target?.resource == null || target.org === null) throw new Refusal('invalid_target', 'no target is named')
  const scope = narrowed(claims.scope, request.scope)
  const session = { sessionId: claims.sid, clientId: client.id }
  const mint = await readForExchange(deps.db, session, { resource: target.resource, org: target.org })
  if (mint !== undefined && mint.now < claims.exp) {
    return { kind: 'region', signedIn: mint, scope, target: mint, isExchange: true }
  }
  const live = await findSignedIn(deps.db, claims.sid, client.id)
  if (live === undefined || live.now >= claims.exp) throw new Refusal('invalid_grant', 'the subject token is over')
  if (live.platform_role === 'sys_admin') {
    const wanted = { resource: target.resource, org: target.org }
    const support = await admitSupport(deps, session, wanted, context.origin)
    if (support !== undefined) return { kind: 'support', scope, support }
  }
  const actor = { userId: live.user_id, clientId: client.id, sessionId: live.session_id }
  throw new Refusal('invalid_target', 'the target admits nobody', undefined, { actor })
}

function narrowed(held: string, wanted: string | undefined): string {
  if (wanted === undefined) return held
  const scopes = held.split(' ')
  if (!wanted.split(' ').every((scope) => scopes.includes(scope))) {
    throw new Refusal('invalid_scope', 'the scope is wider than the subject token')
  }
  return wanted
}
