// The token endpoint as a pipeline: (1) the client is authenticated, (2) it may use the grant, (3) the grant proves
// who acts and where, re-reading all of it, (4) tokens are minted, and a session's first one for a context is noted,
// (5) the answer is put together. A grant fills step 3 and cannot skip another.
import { ACCESS_TOKEN_TYPE_URI, type TokenResponse } from '@meridian/protocol/oauth'
import type { TokenRequest } from '@meridian/protocol/oauth-requests'
import { assertGrantAllowed } from '../directory/client-rules.ts'
import { pinSigningKeys } from '../keys/keep-key-set.ts'
import {
  type MintedAccessToken,
  mintAccountToken,
  mintClientToken,
  mintRegionToken,
  mintSupportToken,
} from '../sessions/access-token.ts'
import { type ContextUse, recordFirstToken } from '../sessions/first-token.ts'
import { mintIdToken } from '../sessions/id-token.ts'
import type { Client } from '../store/clients.ts'
import { redeemAuthorizationCode } from './authorization-code.ts'
import { grantClientCredentials } from './client-credentials.ts'
import type { GrantContext, GrantDeps, Proof } from './grant.ts'
import { useRefreshToken } from './refresh-token.ts'
import { exchangeToken } from './token-exchange.ts'

/** Steps 2 to 5 for an authenticated client. Throws Refusal. */
export async function issueTokens(
  deps: GrantDeps,
  context: GrantContext,
  request: TokenRequest,
): Promise<TokenResponse> {
  assertGrantAllowed(context.client, request.grant_type)
  const signing = { ...deps, keySet: pinSigningKeys(deps) }
  const proof = await prove(signing, context, request)
  const minted = mintAccessToken(signing, context.client, proof)
  if (proof.kind === 'region') await recordFirstToken(deps, useOf(context.client, proof), context.origin)
  return answer(signing, context.client, proof, minted)
}

function prove(deps: GrantDeps, context: GrantContext, request: TokenRequest): Promise<Proof> {
  switch (request.grant_type) {
    case 'authorization_code':
      return redeemAuthorizationCode(deps, context, request)
    case 'refresh_token':
      return useRefreshToken(deps, context, request)
    case 'urn:ietf:params:oauth:grant-type:token-exchange':
      return exchangeToken(deps, context, request)
    case 'client_credentials':
      return grantClientCredentials(deps, context, request)
  }
}

function mintAccessToken(deps: GrantDeps, client: Client, proof: Proof): MintedAccessToken {
  switch (proof.kind) {
    case 'account':
      return mintAccountToken(deps, client.id, proof.scope, proof.signedIn)
    case 'region':
      return mintRegionToken(deps, client.id, proof.scope, proof.signedIn, proof.target)
    case 'support':
      return mintSupportToken(deps, client.id, proof.scope, proof.support)
    case 'client':
      return mintClientToken(deps, client.id, proof.scope, proof.nowSeconds)
  }
}

function useOf(client: Client, { signedIn, target }: Extract<Proof, { kind: 'region' }>): ContextUse {
  const { session_id: sessionId, user_id: userId } = signedIn
  return { sessionId, userId, clientId: client.id, orgId: target.org_id, region: target.region }
}

function answer(deps: GrantDeps, client: Client, proof: Proof, minted: MintedAccessToken): TokenResponse {
  const response: TokenResponse = {
    access_token: minted.accessToken,
    token_type: 'Bearer',
    expires_in: minted.expiresInSeconds,
    scope: proof.scope,
  }
  if (proof.kind === 'client') return response
  if (proof.kind === 'support' || (proof.kind === 'region' && proof.isExchange === true)) {
    response.issued_token_type = ACCESS_TOKEN_TYPE_URI
  }
  if (proof.kind === 'support') return response
  if (proof.refreshToken !== undefined) response.refresh_token = proof.refreshToken
  if (proof.redeemed !== undefined && proof.scope.split(' ').includes('openid')) {
    response.id_token = mintIdToken(deps, client, proof.signedIn, proof.redeemed.nonce)
  }
  if (proof.kind === 'account') response.context = proof.context
  return response
}
