import { generateRandomIntegerNumber } from '@oslojs/crypto/random'
import { findSecretKey, macOf, sha256 } from '../secrets/macs.ts'
import type { RandomBytes, Secrets } from '../secrets/secrets.ts'

const CODE_DIGITS = 6
const AUTH_SESSION_BYTES = 32
const AUTH_SESSION_SHAPE = /^as1\.([a-z0-9]{1,8})\.[A-Za-z0-9_-]{43}$/

/** Six digits, each code as likely as any other, leading zeros included. */
export function generateCode(randomBytes: RandomBytes): string {
  const reader = { read: (bytes: Uint8Array) => bytes.set(randomBytes(bytes.byteLength)) }
  return String(generateRandomIntegerNumber(reader, 10 ** CODE_DIGITS)).padStart(CODE_DIGITS, '0')
}

/** What a person typed or pasted, without the spaces and dashes that came along; undefined where it is no code. */
export function normalizeCode(typed: string): string | undefined {
  const digits = typed.replace(/[\s-]/g, '')
  return /^[0-9]{6}$/.test(digits) ? digits : undefined
}

/** The handle of a challenge: 256 random bits, and the id of the key that authenticates its code. */
export function generateAuthSession(secrets: Pick<Secrets, 'otpKeys'>, randomBytes: RandomBytes): string {
  const [{ id }] = secrets.otpKeys
  return `as1.${id}.${Buffer.from(randomBytes(AUTH_SESSION_BYTES)).toString('base64url')}`
}

/** Bound to a browser, the handle is worth nothing in another one. */
export function hashAuthSession(authSession: string, browser?: string): Uint8Array {
  return sha256(browser === undefined ? authSession : `${authSession} ${browser}`)
}

/** The MAC under which a code is stored and compared; undefined for a handle that we never made. */
export function codeMac(secrets: Pick<Secrets, 'otpKeys'>, authSession: string, code: string): Uint8Array | undefined {
  const keyId = AUTH_SESSION_SHAPE.exec(authSession)?.[1]
  const key = keyId === undefined ? undefined : findSecretKey(secrets.otpKeys, keyId)
  return key === undefined ? undefined : macOf(key, 'otp1', authSession, code)
}

/** The name under which a device is known; the table holds nothing that a cookie could be made of. */
export function hashDevice(device: string): Uint8Array {
  return sha256(`device ${device}`)
}
