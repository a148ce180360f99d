// Authorization server metadata: RFC 8414 and OpenID Connect Discovery 1.0 §3, from the same facts.
// It lists what this server does, and nothing that it does not do yet.
import { ACCESS_TOKEN_ALGORITHM } from '@meridian/protocol/access-token'
import { promptSchema } from '@meridian/protocol/authorization-request'
import type { ServerMetadata } from '@meridian/protocol/metadata'
import { grantTypeSchema } from '@meridian/protocol/oauth'
import type { FastifyInstance } from 'fastify'
import type { Deps } from '../../../deps.ts'
import { MAILBOX_ACR } from '../../../sessions/acr.ts'

const CACHE_CONTROL = 'public, max-age=300'
const AUTH_METHODS = ['none', 'client_secret_basic', 'client_secret_post', 'private_key_jwt']
const ASSERTION_ALGORITHMS = ['ES256', 'RS256']
const CLAIMS = [
  ...['iss', 'sub', 'aud', 'exp', 'iat', 'auth_time', 'amr', 'acr', 'nonce', 'sid'],
  ...['name', 'email', 'email_verified'],
]

export function metadataRoute(app: FastifyInstance, deps: Pick<Deps, 'settings'>): void {
  const { issuer } = deps.settings
  const document: ServerMetadata = {
    issuer,
    authorization_endpoint: `${issuer}/oauth/authorize`,
    token_endpoint: `${issuer}/oauth/token`,
    end_session_endpoint: `${issuer}/oauth/logout`,
    authorization_challenge_endpoint: `${issuer}/oauth/challenge`,
    revocation_endpoint: `${issuer}/oauth/revoke`,
    jwks_uri: `${issuer}/oauth/jwks`,
    service_documentation: `${issuer}/api-reference`,
    scopes_supported: ['openid', 'profile', 'email'],
    response_types_supported: ['code'],
    response_modes_supported: ['query', 'form_post'],
    authorization_response_iss_parameter_supported: true,
    prompt_values_supported: promptSchema.options,
    acr_values_supported: [MAILBOX_ACR],
    claims_parameter_supported: false,
    request_parameter_supported: false,
    request_uri_parameter_supported: false,
    grant_types_supported: grantTypeSchema.options,
    token_endpoint_auth_methods_supported: AUTH_METHODS,
    token_endpoint_auth_signing_alg_values_supported: ASSERTION_ALGORITHMS,
    revocation_endpoint_auth_methods_supported: AUTH_METHODS,
    revocation_endpoint_auth_signing_alg_values_supported: ASSERTION_ALGORITHMS,
    introspection_endpoint: `${issuer}/oauth/introspect`,
    introspection_endpoint_auth_methods_supported: AUTH_METHODS.filter((method) => method !== 'none'),
    introspection_endpoint_auth_signing_alg_values_supported: ASSERTION_ALGORITHMS,
    userinfo_endpoint: `${issuer}/oauth/userinfo`,
    code_challenge_methods_supported: ['S256'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['RS256', ACCESS_TOKEN_ALGORITHM],
    claims_supported: CLAIMS,
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
