import { Buffer } from 'node:buffer'
import type { SecretKey } from '@meridian/service-kit/settings'
import { findSecretKey, macMatches, macOf } from '../secrets/macs.ts'
import type { Secrets } from '../secrets/secrets.ts'

/**
 * What a refresh token says of itself. It holds no secret of its own: its last part is a MAC over the rest, so a
 * successor can be derived again instead of being stored, and a forged one is refused without the database.
 */
export type RefreshTokenParts = {
  readonly keyId: string
  readonly epoch: string
  readonly familyId: string
  readonly counter: number
}

type Binding = { readonly issuer: string; readonly clientId: string }

const SHAPE =
  /^rt1\.([a-z0-9]{1,8})\.([1-9][0-9]{0,18})\.([A-Za-z0-9_-]{22})\.(0|[1-9][0-9]{0,8})\.([A-Za-z0-9_-]{43})$/

export function formatRefreshToken(key: SecretKey, binding: Binding, parts: Omit<RefreshTokenParts, 'keyId'>): string {
  const family = Buffer.from(parts.familyId.replaceAll('-', ''), 'hex').toString('base64url')
  const mac = refreshTokenMac(key, binding, parts).toString('base64url')
  return `rt1.${key.id}.${parts.epoch}.${family}.${parts.counter}.${mac}`
}

/** Reads a refresh token's shape; undefined for garbage. Proves nothing: `verifyRefreshToken` does. */
export function parseRefreshToken(token: string): (RefreshTokenParts & { readonly mac: Buffer }) | undefined {
  const [, keyId, epoch, family, counter, mac] = SHAPE.exec(token) ?? []
  if (keyId === undefined || epoch === undefined || family === undefined || mac === undefined) return undefined
  const hex = Buffer.from(family, 'base64url').toString('hex')
  const familyId = `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
  return { keyId, epoch, familyId, counter: Number(counter), mac: Buffer.from(mac, 'base64url') }
}

/** The parts of a token that this issuer made for this client; undefined for any other. */
export function verifyRefreshToken(
  secrets: Pick<Secrets, 'tokenKeys'>,
  binding: Binding,
  token: string,
): RefreshTokenParts | undefined {
  const parsed = parseRefreshToken(token)
  const key = parsed === undefined ? undefined : findSecretKey(secrets.tokenKeys, parsed.keyId)
  if (parsed === undefined || key === undefined) return undefined
  const { mac, ...parts } = parsed
  return macMatches(mac, refreshTokenMac(key, binding, parts)) ? parts : undefined
}

function refreshTokenMac(key: SecretKey, binding: Binding, parts: Omit<RefreshTokenParts, 'keyId'>): Buffer {
  const { familyId, counter, epoch } = parts
  return macOf(key, 'rt1', binding.issuer, binding.clientId, familyId, String(counter), epoch)
}
