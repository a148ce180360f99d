import { Buffer } from 'node:buffer'
import { findSecretKey, macMatches, macOf, sha256 } from '../secrets/macs.ts'
import type { Secrets } from '../secrets/secrets.ts'

// The secret in a sign-on cookie is derived from the challenge that was answered, so that a repeat of the answer can
// be given it again; the database holds its hash alone.

const SHAPE = /^so1\.([a-z0-9]{1,8})\.([A-Za-z0-9_-]{22})\.([A-Za-z0-9_-]{43})$/

export function formatSignOnSecret(secrets: Pick<Secrets, 'tokenKeys'>, issuer: string, challengeId: string): string {
  const [key] = secrets.tokenKeys
  const id = Buffer.from(challengeId.replaceAll('-', ''), 'hex').toString('base64url')
  return `so1.${key.id}.${id}.${macOf(key, 'so1', issuer, id).toString('base64url')}`
}

/** The hash under which a secret of ours is kept; undefined for anything that we never made. */
export function hashSignOnSecret(
  secrets: Pick<Secrets, 'tokenKeys'>,
  issuer: string,
  secret: string,
): Uint8Array | undefined {
  const [, keyId, id, mac] = SHAPE.exec(secret) ?? []
  const key = keyId === undefined ? undefined : findSecretKey(secrets.tokenKeys, keyId)
  if (key === undefined || id === undefined || mac === undefined) return undefined
  const isOurs = macMatches(Buffer.from(mac, 'base64url'), macOf(key, 'so1', issuer, id))
  return isOurs ? sha256(secret) : undefined
}
