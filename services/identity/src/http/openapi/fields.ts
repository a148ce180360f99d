// What the fields of the wire schemas mean, in words, with an example each: by name, or by a longer path where one name
// means two things (`Me.user.name`, `org.name`); the longest path that fits is taken. Secrets have placeholders only.
import { promptSchema } from '@meridian/protocol/authorization-request'

export type Field = {
  readonly text: string
  readonly example?: unknown
  /** Whoever has it can act: never shown, kept or logged. */
  readonly isSecret?: boolean
  readonly pattern?: string
}

const ORG = '0198c5f2-7a3b-7c4d-8e5f-6a7b8c9d0e1f'
const AUDIENCE = 'https://api.in.example.com'
const TIME = 1_767_225_600
const INSTANT = '2026-01-01T00:00:00.000Z'
const KEY = 'f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU'

const listed = promptSchema.exclude(['none']).options.join('|')

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

const PEOPLE: Readonly<Record<string, Field>> = {
  user: { text: 'The person.' },
  'user.id': { text: 'Id of the person.' },
  'user.name': { text: 'Their name.', example: 'Ada' },
  'user.email': { text: 'Their address; null where they have none.', example: 'ada@acme.example' },
  platform_role: { text: '`sys_admin` for an administrator of the platform; else null.' },
  session: { text: 'The sign-in that the token belongs to.' },
  'session.id': { text: 'Id of the session.' },
  contexts: { text: 'Where the person may act.' },
  'Session.contexts': { text: 'Where it has acted, in the order of its first tokens.' },
  can_switch: { text: 'Whether a switcher is worth showing.' },
  org: { text: 'The organization.' },
  'org.id': { text: 'Id of the organization.' },
  'org.slug': { text: 'Its name in hosts.', example: 'acme' },
  'org.name': { text: 'Its name for people.', example: 'Acme Instruments' },
  region: { text: 'The region.', example: 'in' },
  'Context.region': { text: 'The region.' },
  'region.code': { text: 'Its short name.', example: 'in' },
  'region.name': { text: 'Its name for people.', example: 'India' },
  'region.status': { text: 'Whether it can be used.', example: 'active' },
  audience: { text: 'The `resource` to ask a token for, and the token’s `aud`.', example: AUDIENCE },
  api_url: { text: 'Where its API is.', example: AUDIENCE },
  role: { text: 'Held in this organization and this region alone.' },
  permissions: { text: 'What the role may do.' },
  current: { text: 'Whether it is the context that was named, else the remembered one.' },
  'Session.current': { text: 'Whether it is the session that asks.' },
  'ContextChoice.region': { text: 'Code of the region.', example: 'in' },
  sessions: { text: 'Newest first.' },
  'Session.id': { text: 'Id of the session.' },
  'Session.client': { text: 'The client that signed in.' },
  'client.id': { text: 'Id of the client.', example: 'native' },
  'client.name': { text: 'Its name for people.', example: 'Native app' },
  device: { text: 'As it named itself, and where it came from, when it signed in.' },
  user_agent: { text: 'The User-Agent header.', example: 'Mozilla/5.0' },
  ip: { text: 'Network address.', example: '192.0.2.7' },
  created_at: { text: 'When it began.', example: INSTANT },
  last_used_at: { text: 'When it last got a token.', example: INSTANT },
  first_used_at: { text: 'When it first acted there.', example: INSTANT },
  ended_at: { text: 'When it ended; null while it lives.', example: null },
  ended_reason: {
    text: '`reuse`: a spent refresh token was shown again. Sessions that ended otherwise are not listed.',
    example: null,
  },
  which: { text: 'All but the own session, or the own one too.' },
  ended: { text: 'How many were ended.', example: 2 },
  'EmailChangeRequest.email': { text: 'The new address.', example: 'ada@new.example' },
  'EmailChangeRequest.change_session': {
    text: 'Of a change that is under way: sends another code for it.',
    isSecret: true,
  },
  'EmailChanged.email': { text: 'The address as it is now.', example: 'ada@new.example' },
  change_session: { text: 'Names the change to its confirmation, in the same sign-in alone.', isSecret: true },
}

const ADMINISTRATION: Readonly<Record<string, Field>> = {
  Id: { text: 'A UUIDv7 (RFC 9562 §5.7), never given twice.', example: ORG },
  RegionCode: { text: 'Short name of a region.', example: 'in' },
  Slug: { text: 'One DNS label in lower case that is no reserved word.', example: 'acme' },
  Role: { text: 'A role, held per organization and region.', example: 'member' },
  Permission: { text: 'What a role may do.', example: 'records:read' },
  slug: { text: 'The organization’s name in hosts.', example: 'acme' },
  name: { text: 'A name for people, in one line.', example: 'Ada' },
  email: { text: 'An address, in one’s own spelling: it is normalized.', example: 'ada@acme.example' },
  id: { text: 'The id.' },
  'OrgCreate.name': { text: 'Its name for people.', example: 'Acme Instruments' },
  'Org.name': { text: 'Its name for people.', example: 'Acme Instruments' },
  'Org.status': { text: 'What may be done in it.' },
  'Org.id': { text: 'Id of the organization.' },
  primary_contact: { text: 'Whom the operator writes to; need not be a user.' },
  subscription_tier: { text: 'What the organization has bought.', example: 'standard' },
  regions: { text: 'Where it has a place.', example: ['in', 'us'] },
  first_manager: { text: 'Becomes a manager in each of the regions, and is written to.' },
  'Org.first_manager': { text: 'The person who is its manager now.' },
  version: { text: 'Rises with each change; also the ETag.', example: 1 },
  'Client.id': { text: 'Lower-case letters, digits, hyphens. Never given again.', example: 'reports' },
  'Client.name': { text: 'Its name for people.', example: 'Report builder' },
  'Client.region': { text: 'For a region’s own client: the region. It may then ask for that audience alone.' },
  first_party: { text: 'Whether it may take one-time codes itself, at the challenge endpoint.' },
  browser: { text: 'Whether it runs in a browser, which keeps no secret.' },
  auth_method: { text: 'How it authenticates at the token endpoint.', example: 'client_secret_basic' },
  jwks: { text: 'With `private_key_jwt`: its public keys.' },
  redirect_uris: {
    text: 'Where sign-ins may return to, character by character.',
    example: ['https://reports.example.com/callback'],
  },
  post_logout_redirect_uris: { text: 'Where a sign-out may return to.', example: ['https://reports.example.com/'] },
  allowed_origins: { text: 'Web origins that may call from a browser.', example: ['https://reports.example.com'] },
  account_token: { text: 'Whether it may have account tokens.' },
  allowed_resources: { text: 'Audiences that it may ask for; `*` means every region.', example: [AUDIENCE] },
  grant_types: { text: 'The grants that it may use.', example: ['authorization_code', 'refresh_token'] },
  scopes: { text: 'The scopes that it may have.', example: ['openid', 'profile', 'email'] },
  refresh_transport: { text: 'Whether refresh tokens come in the body or in a cookie.' },
  id_token_alg: { text: 'How its ID tokens are signed.' },
  source: { text: 'Clients of the configuration are read-only here.', example: 'api' },
  'Client.status': { text: 'Deleted ones stay listed.' },
  'CreatedClient.client_secret': { text: 'Stands in this answer and nowhere else.', isSecret: true },
  'ClientSecret.client_secret': {
    text: 'Stands in this answer and nowhere else. The one before is no longer good.',
    isSecret: true,
  },
  clients: { text: 'By id.' },
  next_cursor: { text: 'The `cursor` of the next page; null on the last one.', example: null },
  limit: { text: 'How many at most.' },
  cursor: { text: 'From `next_cursor`.' },
  'HostMap.region': { text: 'The region that asks.', example: 'in' },
  hosts: { text: 'Each belongs to one organization in this region.' },
  host: { text: 'A host name in lower case, without port.', example: 'acme.in.example.com' },
  kids: { text: 'Ids of the signing keys that the region holds.', example: ['es256-2026-01'] },
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

const PROBLEMS: Readonly<Record<string, Field>> = {
  'Problem.type': { text: 'Always `about:blank`: `code` says what it is.' },
  title: { text: 'What the code means, for people; may be reworded.' },
  'Problem.status': { text: 'The HTTP status.' },
  'Problem.code': { text: 'The stable part: what to act on.' },
  detail: { text: 'What to do about it.' },
  'errors.detail': { text: 'What is wrong with it.' },
  request_id: { text: 'To be named to the operator; also in X-Request-Id.' },
  errors: { text: 'With `invalid_request`: what is wrong with which field.' },
  pointer: { text: 'The field, as a JSON pointer (RFC 6901).' },
}

const list = (text: string, example: readonly string[]): Field => ({ text, example })
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

const FIELDS: Readonly<Record<string, Field>> = {
  ...METADATA,
  ...CREDENTIALS,
  ...OAUTH,
  ...AUTHORIZATION,
  ...CLAIMS,
  ...PEOPLE,
  ...ADMINISTRATION,
  ...KEYS,
  ...PROBLEMS,
}

/** Components that share their fields' meaning. */
const FAMILIES: Readonly<Record<string, string>> = {
  AuthorizationCodeGrant: 'TokenRequest',
  RefreshTokenGrant: 'TokenRequest',
  TokenExchangeGrant: 'TokenRequest',
  ClientCredentialsGrant: 'TokenRequest',
  ChallengeStart: 'TokenRequest',
  Query: 'TokenRequest',
  ClientRegistration: 'Client',
  RegisteredClient: 'Client',
  CreatedClient: 'Client',
}

/** What is known of a field; `path` begins with its component. */
export function findField(path: readonly string[]): Field | undefined {
  const [component = '', ...names] = path
  const family = FAMILIES[component]
  const heads = family === undefined ? [component] : [component, family]
  const suffixes = names.map((_, index) => names.slice(index))
  const keys = [...heads.map((head) => [head, ...names]), ...suffixes].map((steps) => steps.join('.'))
  return keys.map((key) => FIELDS[key]).find((field) => field !== undefined)
}
