import { introspectionSchema } from '@meridian/protocol/introspection'
import { tokenResponseSchema } from '@meridian/protocol/oauth'
import {
  introspectionRequestSchema,
  revocationRequestSchema,
  tokenRequestSchema,
  userInfoRequestSchema,
} from '@meridian/protocol/oauth-requests'
import { userInfoSchema } from '@meridian/protocol/user-info'
import { IDEMPOTENCY_KEY_FOR_TOKENS, MERIDIAN_REQUEST, type Operation } from './operation.ts'
import { GRANTS } from './schemas.ts'

const USER_INFO = {
  area: 'Tokens',
  path: '/oauth/userinfo',
  caller: 'person',
  isRateLimited: true,
  answers: [{ status: 200, description: 'The claims of the scopes that were granted.', schema: userInfoSchema }],
  errors: { kind: 'oauth', codes: ['invalid_token', 'insufficient_scope'] },
} as const

export const TOKEN_OPERATIONS: readonly Operation[] = [
  {
    id: 'issueTokens',
    area: 'Tokens',
    method: 'post',
    path: '/oauth/token',
    summary: 'Issues tokens: code, refresh, exchange, client credentials',
    description:
      'Without `resource` and `org_id` the access token is an account token: it opens this service and can be exchanged. With both it is a region token: for one organization in one region. Refreshing rotates the refresh token; exchanging (RFC 8693) changes nothing. A target that is unknown, foreign or closed is `invalid_target`, and nothing is lost by asking. A spent refresh token that is shown again ends its session.',
    caller: 'clientOrCookie',
    isRateLimited: true,
    parameters: [IDEMPOTENCY_KEY_FOR_TOKENS, MERIDIAN_REQUEST],
    body: {
      kind: 'form',
      schema: tokenRequestSchema,
      examples: [
        {
          summary: 'Redeem a code',
          of: GRANTS.authorizationCodeGrant,
          fields: ['client_id', 'redirect_uri', 'code_verifier'],
        },
        { summary: 'Refresh', of: GRANTS.refreshTokenGrant, fields: ['client_id', 'refresh_token'] },
        {
          summary: 'Exchange for a region token',
          of: GRANTS.tokenExchangeGrant,
          fields: ['client_id', 'resource', 'org_id'],
        },
        { summary: 'A client for itself', of: GRANTS.clientCredentialsGrant, fields: ['client_id', 'client_secret'] },
      ],
    },
    answers: [{ status: 200, description: 'Tokens.', schema: tokenResponseSchema }],
    errors: { kind: 'oauth', codes: ['invalid_grant', 'invalid_scope', 'invalid_target', 'unsupported_grant_type'] },
  },
  {
    id: 'revokeToken',
    area: 'Tokens',
    method: 'post',
    path: '/oauth/revoke',
    summary: 'Gives a token back: signs out',
    description:
      'RFC 7009. Ends the session of the refresh token or account token, wherever that was. A token that is nobody’s, or has expired, is answered with 200 as well. Region tokens end with their session.',
    caller: 'clientOrCookie',
    isRateLimited: true,
    parameters: [IDEMPOTENCY_KEY_FOR_TOKENS, MERIDIAN_REQUEST],
    body: {
      kind: 'form',
      schema: revocationRequestSchema,
      examples: [{ summary: 'Sign out', fields: ['client_id', 'token'] }],
    },
    answers: [{ status: 200, description: 'Signed out. The body is empty.' }],
    errors: { kind: 'oauth', codes: ['invalid_grant', 'unsupported_token_type'] },
  },
  {
    id: 'introspectToken',
    area: 'Tokens',
    method: 'post',
    path: '/oauth/introspect',
    summary: 'Whether a token is good now',
    description:
      'RFC 7662, for confidential clients: about their own tokens, and a region’s client about tokens for its region. Any other token is inactive.',
    caller: 'confidentialClient',
    isRateLimited: true,
    body: { kind: 'form', schema: introspectionRequestSchema, examples: [{ summary: 'Ask about a token' }] },
    answers: [{ status: 200, description: 'What is known of it.', schema: introspectionSchema }],
    errors: { kind: 'oauth', codes: [] },
  },
  {
    ...USER_INFO,
    id: 'readUserInfo',
    method: 'get',
    summary: 'Claims about the person of an account token',
    description: 'OpenID Connect Core §5.3. Needs the scope `openid`. A token in the address is refused.',
  },
  {
    ...USER_INFO,
    id: 'readUserInfoByForm',
    method: 'post',
    summary: 'The same, with the token in the Authorization header or a form',
    body: {
      kind: 'form',
      schema: userInfoRequestSchema,
      isOptional: true,
      examples: [{ summary: 'The token in the form', fields: ['access_token'] }],
    },
  },
]
