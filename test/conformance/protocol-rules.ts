// What a strict client holds each answer to: OpenID Connect Core §3.1.2.7, §3.1.3.3, §3.1.3.7; RFC 6749 §5.1; RFC 9207
// §2.4. relying-party.ts asks; what breaks a rule here ends there, as a ProtocolError.
import { createHash, randomBytes } from 'node:crypto'
import { createLocalJWKSet, decodeProtectedHeader, type JSONWebKeySet, type JWTPayload, jwtVerify } from 'jose'
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

export type Asked = {
  readonly url: string
  readonly parameters: Readonly<Record<string, string>>
  readonly verifier: string
}
export const base64url = (bytes: number) => randomBytes(bytes).toString('base64url')
const LEEWAY_SECONDS = 5

export const isJson = (reply: Reply) => /^application\/json\b/.test(String(reply.headers['content-type']))

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

export function readCode(metadata: Metadata, asked: Asked, reply: Reply): string {
  const answer = readResponse(metadata, asked, reply)
  const { code } = answer
  demand(answer['error'] === undefined, `authorization response: no error, but ${JSON.stringify(answer)}`)
  demand(code !== undefined && /^[\x20-\x7E]+$/.test(code), 'authorization response: code (RFC 6749 A.11)')
  return code
}

export function readError(metadata: Metadata, asked: Asked, reply: Reply): string {
  const answer = readResponse(metadata, asked, reply)
  demand(answer['code'] === undefined, 'error response: no code')
  demand(answer['error'] !== undefined, 'error response: error')
  const { error_description: description = '' } = answer
  demand(/^[\x20-\x21\x23-\x5B\x5D-\x7E]*$/.test(description), 'error response: error_description (RFC 6749 A.8)')
  return answer['error']
}

/** RFC 6749 §5.1, Core §3.1.3.3. */
export function checkTokenResponse(reply: Reply, wantedScope: string | undefined): Reply['body'] {
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

export type Expected = {
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
