// A strict relying party, written against the specifications alone: it refuses whatever a client must or should
// refuse. OpenID Connect Core §3.1.2.7, §3.1.3.3, §3.1.3.7, §5.3.4, §12.2; RFC 6749 §5.1; RFC 9207 §2.4.
import { createHash, randomBytes } from 'node:crypto'
import { createLocalJWKSet, decodeProtectedHeader, type JSONWebKeySet, type JWTPayload, jwtVerify, SignJWT } from 'jose'
import type { Reply } from '../support/identity.ts'
import type { RegisteredClient } from './registered-clients.ts'

export type Sent = {
  readonly method: 'GET' | 'POST'
  readonly url: string
  readonly headers?: Readonly<Record<string, string>>
  readonly form?: Readonly<Record<string, string>>
}
export type Send = (request: Sent) => Promise<Reply>

/** What the provider did that no client may accept. */
export class ProtocolError extends Error {
  override readonly name = 'ProtocolError'
}

export function demand(holds: boolean, rule: string): asserts holds {
  if (!holds) throw new ProtocolError(rule)
}

// biome-ignore lint/suspicious/noExplicitAny: a document of the provider, whose members are checked where they are used
export type Metadata = Record<string, any>

export type Parameters = Readonly<Record<string, string | undefined>>
export type Asked = {
  readonly url: string
  readonly parameters: Readonly<Record<string, string>>
  readonly verifier: string
}
export type Tokens = {
  readonly accessToken: string
  readonly refreshToken: string | undefined
  readonly idToken: string
  readonly idClaims: JWTPayload
  /** What the person agreed to; a refresh may ask for less of it. */
  readonly grantedScope: string
  readonly body: Reply['body']
}

export const base64url = (bytes: number) => randomBytes(bytes).toString('base64url')
const s256 = (verifier: string) => createHash('sha256').update(verifier).digest('base64url')
const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'
const LEEWAY_SECONDS = 5

export type RelyingParty = ReturnType<typeof openRelyingParty>

/** `nowSeconds` is the party's clock. */
export function openRelyingParty(provider: {
  readonly send: Send
  readonly metadata: Metadata
  readonly client: RegisteredClient
  readonly nowSeconds: () => number
}) {
  const { send, metadata, client, nowSeconds } = provider

  const ask = (parameters: Parameters = {}): Asked => askWith(metadata, client, parameters)

  const callToken = async (form: Readonly<Record<string, string>>): Promise<Reply> => {
    const proved = await proveClient(metadata, client, nowSeconds(), form)
    return send({ method: 'POST', url: String(metadata['token_endpoint']), ...proved })
  }

  const redeemRaw = (asked: Asked, code: string, changes: Parameters = {}): Promise<Reply> =>
    callToken(
      present({
        grant_type: 'authorization_code',
        code,
        redirect_uri: asked.parameters['redirect_uri'],
        code_verifier: asked.verifier,
        ...changes,
      }),
    )

  const jwks = async (): Promise<JSONWebKeySet> => {
    const reply = await send({ method: 'GET', url: String(metadata['jwks_uri']) })
    demand(reply.status === 200, 'jwks_uri: 200')
    return reply.body as JSONWebKeySet
  }

  const verify = async (idToken: string, expected: Expected): Promise<JWTPayload> =>
    verifyIdToken(idToken, await jwks(), metadata, client, nowSeconds(), expected)

  const redeem = async (asked: Asked, code: string): Promise<Tokens> => {
    const body = checkTokenResponse(await redeemRaw(asked, code), asked.parameters['scope'])
    const { nonce, max_age: maxAge } = asked.parameters
    demand(typeof body['id_token'] === 'string', 'token response: id_token')
    const idClaims = await verify(body['id_token'], {
      nonce,
      maxAgeSeconds: maxAge === undefined ? undefined : Number(maxAge),
      accessToken: String(body['access_token']),
    })
    return tokensOf(body, body['id_token'], idClaims, String(body['scope'] ?? asked.parameters['scope']))
  }

  /** Refreshes and holds what comes back to what was there before. Core §12.2. */
  const refresh = async (before: Tokens, form: Readonly<Record<string, string>> = {}): Promise<Tokens> => {
    const { refreshToken } = before
    demand(refreshToken !== undefined, 'a refresh token')
    const reply = await callToken({ grant_type: 'refresh_token', refresh_token: refreshToken, ...form })
    const body = checkTokenResponse(reply, form['scope'] ?? before.grantedScope)
    const idToken = body['id_token']
    if (typeof idToken !== 'string') return tokensOf(body, before.idToken, before.idClaims, before.grantedScope)
    const claims = await verify(idToken, { nonce: undefined, accessToken: String(body['access_token']), mayEcho: true })
    for (const name of ['iss', 'sub', 'auth_time'] as const) {
      demand(claims[name] === before.idClaims[name], `refreshed ID token: ${name} stays`)
    }
    return tokensOf(body, idToken, claims, before.grantedScope)
  }

  const userInfo = async (tokens: Tokens, how: 'get' | 'post-header' | 'post-body' = 'get') => {
    const url = String(metadata['userinfo_endpoint'])
    const headers = { authorization: `Bearer ${tokens.accessToken}` }
    const reply = await send(
      how === 'get'
        ? { method: 'GET', url, headers }
        : how === 'post-header'
          ? { method: 'POST', url, headers, form: {} }
          : { method: 'POST', url, form: { access_token: tokens.accessToken } },
    )
    demand(reply.status === 200, `userinfo: 200, not ${reply.status} ${reply.text}`)
    demand(isJson(reply), 'userinfo: application/json')
    demand(reply.body['sub'] === tokens.idClaims.sub, 'userinfo: sub is the ID token’s')
    return reply.body
  }

  return {
    client,
    metadata,
    ask,
    callToken,
    redeemRaw,
    redeem,
    refresh,
    userInfo,
    jwks,
    verify,
    readCode: (asked: Asked, reply: Reply) => readCode(metadata, asked, reply),
    readError: (asked: Asked, reply: Reply) => readError(metadata, asked, reply),
    proveClient: (form: Readonly<Record<string, string>>) => proveClient(metadata, client, nowSeconds(), form),
  }
}

/** The metadata, as far as every client relies on it. OpenID Connect Discovery §4.3. */
export async function discover(send: Send, issuer: string): Promise<Metadata> {
  const reply = await send({ method: 'GET', url: `${issuer}/.well-known/openid-configuration` })
  demand(reply.status === 200 && isJson(reply), 'discovery: 200 and JSON')
  demand(reply.body['issuer'] === issuer, 'discovery: issuer is the one that was asked')
  return reply.body
}

function askWith(metadata: Metadata, client: RegisteredClient, changes: Parameters): Asked {
  const verifier = base64url(32)
  const parameters = present({
    response_type: 'code',
    client_id: client.id,
    redirect_uri: client.redirectUri,
    scope: 'openid',
    state: base64url(12),
    nonce: base64url(12),
    code_challenge: s256(verifier),
    code_challenge_method: 'S256',
    ...changes,
  })
  return { url: `${metadata['authorization_endpoint']}?${new URLSearchParams(parameters)}`, parameters, verifier }
}

function present(parameters: Parameters): Record<string, string> {
  const given = Object.entries(parameters).filter((pair): pair is [string, string] => pair[1] !== undefined)
  return Object.fromEntries(given)
}

const isJson = (reply: Reply) => /^application\/json\b/.test(String(reply.headers['content-type']))

/** RFC 6749 §2.3.1, and §3.2.1 for a public client; RFC 7523 §2.2. */
async function proveClient(
  metadata: Metadata,
  client: RegisteredClient,
  nowSeconds: number,
  form: Readonly<Record<string, string>>,
): Promise<Required<Pick<Sent, 'form' | 'headers'>>> {
  const { proof } = client
  switch (proof.method) {
    case 'none':
      return { headers: {}, form: { client_id: client.id, ...form } }
    case 'client_secret_post':
      return { headers: {}, form: { client_id: client.id, client_secret: proof.secret, ...form } }
    case 'client_secret_basic': {
      const encode = (text: string) => new URLSearchParams({ v: text }).toString().slice(2)
      const credentials = Buffer.from(`${encode(client.id)}:${encode(proof.secret)}`).toString('base64')
      return { headers: { authorization: `Basic ${credentials}` }, form }
    }
    case 'private_key_jwt': {
      const assertion = await signAssertion(client, { aud: metadata['issuer'] }, nowSeconds)
      return { headers: {}, form: { ...assertionForm(assertion), ...form } }
    }
  }
}

export const assertionForm = (assertion: string) => ({
  client_assertion_type: ASSERTION_TYPE,
  client_assertion: assertion,
})

/** A good assertion but for what is given; undefined removes. */
export async function signAssertion(client: RegisteredClient, claims: JWTPayload, nowSeconds: number): Promise<string> {
  const { proof, id } = client
  demand(proof.method === 'private_key_jwt', 'a client with a key')
  const good = { iss: id, sub: id, jti: base64url(16), iat: nowSeconds, exp: nowSeconds + 60 }
  return new SignJWT({ ...good, ...claims }).setProtectedHeader({ alg: 'ES256', kid: proof.kid }).sign(proof.privateKey)
}

/** The parameters of a response at the redirect URI: nothing twice, nothing elsewhere, ours. */
function readResponse(metadata: Metadata, asked: Asked, reply: Reply): Record<string, string> {
  demand(reply.status === 302 || reply.status === 303, `authorization response: a redirect, not ${reply.status}`)
  const location = String(reply.headers['location'])
  const redirectUri = String(asked.parameters['redirect_uri'])
  const own = new URL(redirectUri).searchParams
  demand(location.startsWith(redirectUri + (own.size === 0 ? '?' : '&')), 'authorization response: at the redirect URI')
  demand(!location.includes('#'), 'authorization response: no fragment')
  const answered = new URLSearchParams(location.slice(redirectUri.length + 1))
  demand(new Set(answered.keys()).size === answered.size, 'authorization response: no parameter twice')
  demand(answered.get('iss') === metadata['issuer'], 'authorization response: iss (RFC 9207)')
  demand((answered.get('state') ?? undefined) === asked.parameters['state'], 'authorization response: state')
  return Object.fromEntries(answered)
}

function readCode(metadata: Metadata, asked: Asked, reply: Reply): string {
  const answer = readResponse(metadata, asked, reply)
  const { code } = answer
  demand(answer['error'] === undefined, `authorization response: no error, but ${JSON.stringify(answer)}`)
  demand(code !== undefined && /^[\x20-\x7E]+$/.test(code), 'authorization response: code (RFC 6749 A.11)')
  return code
}

function readError(metadata: Metadata, asked: Asked, reply: Reply): string {
  const answer = readResponse(metadata, asked, reply)
  demand(answer['code'] === undefined, 'error response: no code')
  demand(answer['error'] !== undefined, 'error response: error')
  const { error_description: description = '' } = answer
  demand(/^[\x20-\x21\x23-\x5B\x5D-\x7E]*$/.test(description), 'error response: error_description (RFC 6749 A.8)')
  return answer['error']
}

/** RFC 6749 §5.1, Core §3.1.3.3. */
function checkTokenResponse(reply: Reply, wantedScope: string | undefined): Reply['body'] {
  demand(reply.status === 200, `token response: 200, not ${reply.status} ${reply.text}`)
  demand(isJson(reply), 'token response: application/json')
  demand(/\bno-store\b/.test(String(reply.headers['cache-control'])), 'token response: Cache-Control: no-store')
  demand(reply.headers['pragma'] === 'no-cache', 'token response: Pragma: no-cache')
  const { body } = reply
  const VSCHAR = /^[\x20-\x7E]+$/
  demand(typeof body['access_token'] === 'string' && VSCHAR.test(body['access_token']), 'token response: access_token')
  demand(String(body['token_type']).toLowerCase() === 'bearer', 'token response: token_type Bearer')
  demand(Number.isInteger(body['expires_in']) && body['expires_in'] > 0, 'token response: expires_in')
  const refreshToken: unknown = body['refresh_token']
  demand(
    refreshToken === undefined || (typeof refreshToken === 'string' && VSCHAR.test(refreshToken)),
    'token response: refresh_token (RFC 6749 A.17)',
  )
  demand(typeof body['scope'] === 'string' || wantedScope !== undefined, 'token response: scope where none was asked')
  const granted = String(body['scope'] ?? wantedScope).split(' ')
  const wanted = wantedScope?.split(' ')
  demand(
    wanted === undefined || granted.every((scope) => wanted.includes(scope)),
    'token response: no scope that was not asked for',
  )
  return body
}

type Expected = {
  readonly nonce: string | undefined
  readonly maxAgeSeconds?: number | undefined
  readonly accessToken?: string
  /** After a refresh a nonce may be missing or the first one. */
  readonly mayEcho?: boolean
}

/** Core §3.1.3.7, in its order. */
export async function verifyIdToken(
  idToken: string,
  keys: JSONWebKeySet,
  metadata: Metadata,
  client: Pick<RegisteredClient, 'id' | 'idTokenAlg'>,
  nowSeconds: number,
  expected: Expected,
): Promise<JWTPayload> {
  const header = decodeProtectedHeader(idToken)
  demand(header.alg === client.idTokenAlg, `ID token: alg ${client.idTokenAlg}, as registered`)
  demand(header['jku'] === undefined && header['jwk'] === undefined, 'ID token: brings no key of its own')
  const { payload } = await jwtVerify(idToken, createLocalJWKSet(keys), {
    issuer: String(metadata['issuer']),
    audience: client.id,
    algorithms: [client.idTokenAlg],
    requiredClaims: ['iss', 'sub', 'aud', 'exp', 'iat'],
    clockTolerance: LEEWAY_SECONDS,
    currentDate: new Date(nowSeconds * 1000),
  }).catch((error: Error) => {
    throw new ProtocolError(`ID token: ${error.message}`)
  })
  const { sub, iat, aud } = payload
  demand(typeof sub === 'string' && /^[\x21-\x7E]{1,255}$/.test(sub), 'ID token: sub')
  demand(typeof iat === 'number' && iat <= nowSeconds + LEEWAY_SECONDS, 'ID token: iat not in the future')
  demand(iat >= nowSeconds - 300, 'ID token: iat not long ago')
  demand(typeof aud === 'string' || payload['azp'] !== undefined, 'ID token: azp with several audiences')
  demand(payload['azp'] === undefined || payload['azp'] === client.id, 'ID token: azp is this client')
  const mayMiss = expected.mayEcho === true
  demand(payload['nonce'] === expected.nonce || mayMiss, 'ID token: nonce')
  checkAuthentication(payload, nowSeconds, expected.maxAgeSeconds)
  if (payload['at_hash'] !== undefined) checkHash(payload['at_hash'], expected.accessToken)
  return payload
}

function checkAuthentication(claims: JWTPayload, nowSeconds: number, maxAgeSeconds: number | undefined): void {
  const { auth_time: authTime, acr, amr } = claims
  demand(authTime === undefined || Number.isInteger(authTime), 'ID token: auth_time is a number')
  demand(acr === undefined || typeof acr === 'string', 'ID token: acr is a string')
  demand(
    amr === undefined || (Array.isArray(amr) && amr.every((method) => typeof method === 'string')),
    'ID token: amr is a list of strings',
  )
  if (maxAgeSeconds === undefined) return
  demand(typeof authTime === 'number', 'ID token: auth_time with max_age')
  demand(nowSeconds - authTime <= maxAgeSeconds + LEEWAY_SECONDS, 'ID token: signed in within max_age')
}

/** Core §3.1.3.6, for our algorithms, which both are SHA-256. */
function checkHash(hash: unknown, accessToken: string | undefined): void {
  demand(accessToken !== undefined, 'ID token: at_hash of some access token')
  const half = createHash('sha256').update(accessToken).digest().subarray(0, 16).toString('base64url')
  demand(hash === half, 'ID token: at_hash')
}

function tokensOf(body: Reply['body'], idToken: string, idClaims: JWTPayload, grantedScope: string): Tokens {
  const refreshToken: unknown = body['refresh_token']
  return {
    accessToken: String(body['access_token']),
    refreshToken: refreshToken === undefined ? undefined : String(refreshToken),
    idToken,
    idClaims,
    grantedScope,
    body,
  }
}
