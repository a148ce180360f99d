// Authorization server metadata: RFC 8414 and OpenID Connect Discovery 1.0 §3, from the same facts.
// It lists what this server does, and nothing that it does not do yet.
import { ACCESS_TOKEN_ALGORITHM } from '@meridian/protocol/access-token'
import { grantTypeSchema } from '@meridian/protocol/oauth'
import type { FastifyInstance } from 'fastify'
import type { Deps } from '../../../deps.ts'

const CACHE_CONTROL = 'public, max-age=300'
const AUTH_METHODS = ['none', 'client_secret_basic', 'client_secret_post', 'private_key_jwt']
const ASSERTION_ALGORITHMS = ['ES256', 'RS256']

export function metadataRoute(app: FastifyInstance, deps: Pick<Deps, 'settings'>): void {
  const { issuer } = deps.settings
  const document = {
    issuer,
    token_endpoint: `${issuer}/oauth/token`,
    authorization_challenge_endpoint: `${issuer}/oauth/challenge`,
    revocation_endpoint: `${issuer}/oauth/revoke`,
    jwks_uri: `${issuer}/oauth/jwks`,
    scopes_supported: ['openid', 'profile', 'email'],
    response_types_supported: ['code'],
    grant_types_supported: grantTypeSchema.options,
    token_endpoint_auth_methods_supported: AUTH_METHODS,
    token_endpoint_auth_signing_alg_values_supported: ASSERTION_ALGORITHMS,
    revocation_endpoint_auth_methods_supported: AUTH_METHODS,
    revocation_endpoint_auth_signing_alg_values_supported: ASSERTION_ALGORITHMS,
    code_challenge_methods_supported: ['S256'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['RS256', ACCESS_TOKEN_ALGORITHM],
    claims_supported: ['iss', 'sub', 'aud', 'exp', 'iat', 'auth_time', 'amr', 'nonce', 'sid'],
  }
  for (const path of ['/.well-known/oauth-authorization-server', '/.well-known/openid-configuration']) {
    app.get(path, async (_request, reply) => {
      void reply.headers({
        'cache-control': CACHE_CONTROL,
        'access-control-allow-origin': '*',
        'cross-origin-resource-policy': 'cross-origin',
      })
      return document
    })
  }
}
