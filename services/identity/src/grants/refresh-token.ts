// The refresh_token grant: RFC 6749 §6. The rules of rotation are in sessions/.
import type { TokenRequestOf } from '@meridian/protocol/oauth-requests'
import { Refusal } from '../refusal.ts'
import { refresh } from '../sessions/refresh.ts'
import { verifyRefreshToken } from '../sessions/refresh-token.ts'
import { type GrantContext, type GrantDeps, type Proof, targetOf } from './grant.ts'

export async function useRefreshToken(
  deps: GrantDeps,
  context: GrantContext,
  request: TokenRequestOf<'refresh_token'>,
): Promise<Proof> {
  const { client, retryKeyHash, origin, isAnswered } = context
  if (request.refresh_token === undefined) {
    throw new Refusal('invalid_request', 'no refresh token', 'refresh_token: is missing')
  }
  const binding = { issuer: deps.settings.issuer, clientId: client.id }
  const token = verifyRefreshToken(deps.secrets, binding, request.refresh_token)
  if (token === undefined) throw new Refusal('invalid_grant', 'not a refresh token of ours for this client')
  const { mint, refreshToken } = await refresh(deps, {
    clientId: client.id,
    token,
    retryKeyHash,
    target: targetOf(client, request),
    scope: request.scope ?? null,
    origin,
    isAnswered,
  })
  const scope = request.scope ?? mint.scope
  return 'audience' in mint
    ? { kind: 'region', signedIn: mint, scope, target: mint, refreshToken }
    : { kind: 'account', signedIn: mint, scope, context: mint.context, refreshToken }
}
