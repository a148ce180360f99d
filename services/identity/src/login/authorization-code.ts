import { Buffer } from 'node:buffer'
import { findSecretKey, macMatches, macOf } from '../secrets/macs.ts'
import type { Secrets } from '../secrets/secrets.ts'

// Like a refresh token, an authorization code is derived: its id and a MAC over it. A repeat of the request that was
// given the code can be given it again, and the database holds nothing that could be redeemed.

type Binding = { readonly issuer: string; readonly clientId: string }

const SHAPE = /^ac1\.([a-z0-9]{1,8})\.([A-Za-z0-9_-]{22})\.([A-Za-z0-9_-]{43})$/

export function formatAuthorizationCode(secrets: Pick<Secrets, 'tokenKeys'>, binding: Binding, codeId: string): string {
  const [key] = secrets.tokenKeys
  const id = Buffer.from(codeId.replaceAll('-', ''), 'hex').toString('base64url')
  const mac = macOf(key, 'ac1', binding.issuer, binding.clientId, codeId).toString('base64url')
  return `ac1.${key.id}.${id}.${mac}`
}

/** The id of a code that this issuer made for this client; undefined for any other. */
export function verifyAuthorizationCode(
  secrets: Pick<Secrets, 'tokenKeys'>,
  binding: Binding,
  code: string,
): string | undefined {
  const [, keyId, id, mac] = SHAPE.exec(code) ?? []
  const key = keyId === undefined ? undefined : findSecretKey(secrets.tokenKeys, keyId)
  if (key === undefined || id === undefined || mac === undefined) return undefined
  const hex = Buffer.from(id, 'base64url').toString('hex')
  const codeId = `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
  const expected = macOf(key, 'ac1', binding.issuer, binding.clientId, codeId)
  return macMatches(Buffer.from(mac, 'base64url'), expected) ? codeId : undefined
}
