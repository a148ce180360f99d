// Fields of the OAuth and OpenID Connect endpoints. How they are found is fields.ts.
import { promptSchema } from '@meridian/protocol/authorization-request'
import type { Field } from './field.ts'

const ORG = '0198c5f2-7a3b-7c4d-8e5f-6a7b8c9d0e1f'
const AUDIENCE = 'https://api.in.example.com'
const TIME = 1_767_225_600
const KEY = 'f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU'

const listed = promptSchema.exclude(['none']).options.join('|')
const list = (text: string, example: readonly string[]): Field => ({ text, example })

const CREDENTIALS: Readonly<Record<string, Field>> = {
  client_id: { text: 'The client, as it is registered.', example: 'native' },
  client_secret: { text: 'With `client_secret_post` (RFC 6749 §2.3.1).', isSecret: true },
  client_assertion_type: {
    text: 'With `private_key_jwt`: `urn:ietf:params:oauth:client-assertion-type:jwt-bearer`.',
    example: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
  },
  client_assertion: { text: 'With `private_key_jwt`: a JWT that the client signed (RFC 7523 §2.2).', isSecret: true },
}

const OAUTH: Readonly<Record<string, Field>> = {
  grant_type: { text: 'Which grant this is.' },
  resource: { text: 'The audience that a token is wanted for (RFC 8707). Goes with `org_id`.', example: AUDIENCE },
  org_id: { text: 'The organization.', example: ORG },
  'TokenRequest.org_id': { text: 'The organization, by id or slug. Goes with `resource`.', example: 'acme' },
  scope: { text: 'Scopes, separated by spaces.', example: 'openid profile email' },
  code: { text: 'The authorization code.', isSecret: true },
  code_verifier: {
    text: 'What `code_challenge` was made of (RFC 7636 §4.1).',
    example: 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk',
  },
  code_challenge: {
    text: 'The base64url SHA-256 of a verifier that the client keeps (RFC 7636 §4.2).',
    example: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
  },
  code_challenge_method: { text: '`S256`, and no other.', example: 'S256' },
  redirect_uri: {
    text: 'One of the registered ones, character by character.',
    example: 'https://app.example.com/callback',
  },
  refresh_token: { text: 'The newest one. Clients with cookie transport leave it to their cookie.', isSecret: true },
  'TokenResponse.refresh_token': {
    text: 'Takes the place of the one before. Not for clients with cookie transport: theirs is in a cookie.',
    isSecret: true,
  },
  subject_token: { text: 'An account token of this client.', isSecret: true },
  subject_token_type: {
    text: '`urn:ietf:params:oauth:token-type:access_token`.',
    example: 'urn:ietf:params:oauth:token-type:access_token',
  },
  requested_token_type: { text: 'An access token, if it says anything.' },
  actor_token: { text: 'Is refused: nobody acts for somebody else.' },
  method: { text: 'How the code reaches the person: `email`.', example: 'email' },
  contact: { text: 'The address that the person typed.', example: 'ada@acme.example' },
  auth_session: { text: 'Names this sign-in to its next call.', isSecret: true },
  'ChallengeStart.auth_session': { text: 'Of a sign-in that is under way: sends another code for it.', isSecret: true },
  otp: { text: 'The code that arrived. Spaces in it do no harm.', example: '123456' },
  token: { text: 'The token. Clients with cookie transport leave it to their cookie.', isSecret: true },
  act: { text: 'Of support access alone: who acts (RFC 8693 §4.1). The subject is then the support grant.' },
  'act.sub': { text: 'Id of the sys-admin.', example: '0198c5f2-7a3b-7c4d-8e5f-6a7b8c9d0e2a' },
  'IntrospectionRequest.token': { text: 'An access token or a refresh token.', isSecret: true },
  token_type_hint: { text: 'Not needed, and not looked at.' },
  access_token: { text: 'The access token: a JWT (RFC 9068) of at most 15 minutes.', isSecret: true },
  'UserInfoRequest.access_token': { text: 'Instead of the Authorization header (RFC 6750 §2.2).', isSecret: true },
  token_type: { text: 'How the token is sent.' },
  expires_in: { text: 'Seconds until it expires.', example: 600 },
  resend_in: { text: 'Seconds before asking again sends another code.', example: 60 },
  id_token: {
    text: 'With the scope `openid`: who signed in, for the client (OpenID Connect Core §2).',
    isSecret: true,
  },
  issued_token_type: { text: 'On token exchange only.' },
  context: {
    text: 'With an account token: the context that was chosen; null where there is none, or the person must choose.',
  },
  'ContextRef.org': { text: 'Id of the organization.', example: ORG },
  'ContextRef.region': { text: 'Code of the region.', example: 'in' },
  authorization_code: { text: 'To be redeemed at the token endpoint within a minute, once.', isSecret: true },
  error: { text: 'The stable part: what to act on.' },
  error_description: { text: 'For developers; may be reworded.', example: 'The request is malformed' },
}

const AUTHORIZATION: Readonly<Record<string, Field>> = {
  response_type: { text: '`code`.', example: 'code' },
  response_mode: { text: 'How the answer comes back; in the query unless asked otherwise.' },
  state: { text: 'Comes back as it was sent.', example: 'af0ifjsldkj' },
  nonce: { text: 'Stands in the ID token as it was sent.', example: 'n-0S6_WzA2Mj' },
  prompt: {
    text: `Separated by spaces: ${promptSchema.options.map((value) => `\`${value}\``).join(', ')}; \`none\` stands alone.`,
    pattern: `^(none|(${listed})( (${listed}))*)?$`,
  },
  max_age: { text: 'Seconds: an older sign-in is not enough.' },
  login_hint: { text: 'An address to fill in.' },
  id_token_hint: { text: 'An ID token that this client was given: who should be signed in.' },
  'LogoutRequest.id_token_hint': { text: 'An ID token that this client was given: whose session ends.' },
  'AuthorizationRequest.org_id': { text: 'The organization, by id or slug.', example: 'acme' },
  'LogoutRequest.client_id': { text: 'The client that asks.', example: 'spa' },
  post_logout_redirect_uri: { text: 'One of those that are registered.', example: 'https://app.example.com/' },
  request: { text: 'Is refused: request objects are not supported.' },
  request_uri: { text: 'Is refused: request objects are not supported.' },
  registration: { text: 'Is refused: there is no self-issued registration.' },
  'AuthorizationResponse.iss': { text: 'The issuer; compare it (RFC 9207).' },
}

const CLAIMS: Readonly<Record<string, Field>> = {
  active: { text: 'Whether the token is good now, and the caller’s business.' },
  iss: { text: 'The issuer.', example: 'https://id.example.com' },
  sub: { text: 'The person, or the client where it acts for itself.', example: ORG },
  exp: { text: 'Expires at: seconds since the epoch.', example: TIME + 600 },
  iat: { text: 'Issued at: seconds since the epoch.', example: TIME },
  aud: { text: 'Audience: the issuer, or one region.', example: AUDIENCE },
  jti: { text: 'Id of the token.', example: 'Zk3Yp0sQ6bN1vT8w' },
  sid: { text: 'The session.' },
  auth_time: { text: 'When the person signed in: seconds since the epoch.', example: TIME },
  amr: { text: 'How the person signed in (RFC 8176).', example: ['otp'] },
  email_verified: { text: 'With `email`: whether the person has shown that it is theirs.', example: true },
  'UserInfo.sub': { text: 'The person.' },
  'UserInfo.name': { text: 'With the scope `profile`.', example: 'Ada' },
  'UserInfo.email': { text: 'With the scope `email`.', example: 'ada@acme.example' },
}

const METADATA: Readonly<Record<string, Field>> = {
  issuer: { text: 'The issuer; compare it (RFC 8414 §3.3).', example: 'https://id.example.com' },
  authorization_endpoint: { text: 'Where browsers sign in.' },
  token_endpoint: { text: 'Where tokens are issued.' },
  end_session_endpoint: { text: 'Where browsers sign out.' },
  authorization_challenge_endpoint: { text: 'Where first-party apps sign in without a browser.' },
  revocation_endpoint: { text: 'Where a token is given back.' },
  introspection_endpoint: { text: 'Where confidential clients ask about a token.' },
  userinfo_endpoint: { text: 'Claims about the person.' },
  jwks_uri: { text: 'The keys that verify its tokens.' },
  service_documentation: { text: 'This reference, to read.' },
  scopes_supported: list('Scopes that may be asked for.', ['openid', 'profile', 'email']),
  response_types_supported: list('Response types.', ['code']),
  response_modes_supported: list('How an authorization response comes back.', ['query', 'form_post']),
  authorization_response_iss_parameter_supported: { text: 'It names itself in them (RFC 9207).', example: true },
  prompt_values_supported: list('Values of `prompt`.', promptSchema.options),
  acr_values_supported: list('Values of `acr`.', ['urn:meridian:acr:mailbox']),
  claims_parameter_supported: { text: 'Whether `claims` is read.', example: false },
  request_parameter_supported: { text: 'Whether `request` is read.', example: false },
  request_uri_parameter_supported: { text: 'Whether `request_uri` is read.', example: false },
  grant_types_supported: list('Grants.', ['authorization_code', 'refresh_token']),
  code_challenge_methods_supported: list('PKCE methods.', ['S256']),
  subject_types_supported: list('One `sub` for all clients.', ['public']),
  id_token_signing_alg_values_supported: list('How ID tokens are signed.', ['RS256', 'ES256']),
  claims_supported: list('Claims that ID tokens and userinfo may have.', ['sub', 'name', 'email']),
  ...Object.fromEntries(
    ['token', 'revocation', 'introspection'].flatMap((endpoint) => [
      [`${endpoint}_endpoint_auth_methods_supported`, list('How clients authenticate there.', ['client_secret_basic'])],
      [`${endpoint}_endpoint_auth_signing_alg_values_supported`, list('How their assertions are signed.', ['ES256'])],
    ]),
  ),
}

const KEYS: Readonly<Record<string, Field>> = {
  keys: { text: 'Public keys.' },
  revoked: { text: 'Ids of keys that leaked: to be dropped at once.' },
  kid: { text: 'Id of the key.', example: 'es256-2026-01' },
  use: { text: 'For signatures.' },
  kty: { text: 'Kind of key.' },
  crv: { text: 'The curve.' },
  alg: { text: 'The algorithm that it is used with.' },
  x: { text: 'The point, base64url.', example: KEY },
  y: { text: 'The point, base64url.', example: KEY },
  n: { text: 'Modulus, base64url.', example: KEY.repeat(8) },
  e: { text: 'Exponent, base64url.', example: 'AQAB' },
}

export const OAUTH_FIELDS = { ...CREDENTIALS, ...OAUTH, ...AUTHORIZATION, ...CLAIMS, ...METADATA, ...KEYS }
