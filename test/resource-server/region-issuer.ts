// An issuer for tests: makes keys, signs what it is told to, good or bad, and publishes its key set.
import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import type { Jwks, PublicJwk } from '@meridian/protocol/jwks'
import type { VerificationKey } from '@meridian/resource-server/verify-access-token'

export const ISSUER = 'http://localhost:4000'
export const REGION_IN = { region: 'in', audience: 'http://localhost:4101' }
export const REGION_US = { region: 'us', audience: 'http://localhost:4102' }

/** A UUIDv7 that is the same for the same name. */
export function idOf(name: string): string {
  const hex = createHash('sha256').update(name).digest('hex')
  return `01930000-${hex.slice(0, 4)}-7${hex.slice(4, 7)}-8${hex.slice(7, 10)}-${hex.slice(10, 22)}`
}

export type Claims = Record<string, unknown>

/** Claims of a good region token; whatever is given replaces, undefined removes. A membership is one person's in one organization. */
export function regionClaims(nowSeconds: number, changes: Claims = {}): Claims {
  const claims: Claims = {
    iss: ISSUER,
    aud: REGION_IN.audience,
    sub: idOf('ada'),
    iat: nowSeconds,
    exp: nowSeconds + 600,
    jti: 'a-token-id-of-a-test',
    client_id: 'spa',
    sid: idOf('session of ada'),
    scope: 'openid',
    auth_time: nowSeconds - 60,
    amr: ['otp'],
    ver: 1,
    org_id: idOf('acme'),
    region: REGION_IN.region,
    role: 'manager',
    mid: membershipOf(changes),
    mv: 3,
    ...changes,
  }
  return Object.fromEntries(Object.entries(claims).filter(([, value]) => value !== undefined))
}

function membershipOf({ sub = idOf('ada'), org_id: org = idOf('acme') }: Claims): string {
  return sub === idOf('ada') && org === idOf('acme') ? idOf('ada in acme') : idOf(`${sub} in ${org}`)
}

export function encodePart(value: unknown): string {
  return Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')
}

export interface SigningKey {
  kid: string
  jwk: PublicJwk
  privateKey: KeyObject
  publicKey: KeyObject
  verification: VerificationKey
  /** A token with this header and payload, signed ES256 over whatever they say. */
  sign(payload: unknown, header?: Record<string, unknown>): string
}

export function makeSigningKey(kid: string): SigningKey {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const { x, y } = publicKey.export({ format: 'jwk' }) as { x: string; y: string }
  const signToken = (payload: unknown, header: Record<string, unknown> = {}) => {
    const members = Object.entries({ alg: 'ES256', typ: 'at+jwt', kid, ...header })
    const described = Object.fromEntries(members.filter(([, value]) => value !== undefined))
    const input = `${encodePart(described)}.${encodePart(payload)}`
    return `${input}.${signInput(input, privateKey)}`
  }
  return {
    kid,
    jwk: { kty: 'EC', crv: 'P-256', alg: 'ES256', use: 'sig', kid, x, y },
    privateKey,
    publicKey,
    verification: { kid, alg: 'ES256', key: publicKey },
    sign: signToken,
  }
}

export function signInput(input: string, privateKey: KeyObject): string {
  return sign('sha256', Buffer.from(input), { key: privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url')
}

export function keySet(...keys: SigningKey[]): Jwks {
  return { keys: keys.map((key) => key.jwk) }
}

/** A clock that stands still until it is moved. */
export function makeClock(startMs = Date.UTC(2026, 0, 15)) {
  let current = startMs
  return {
    nowMs: () => current,
    nowSeconds: () => Math.floor(current / 1000),
    advanceSeconds: (seconds: number) => {
      current += seconds * 1000
    },
  }
}

export const silentLog = { info: () => {}, warn: () => {}, error: () => {} }
