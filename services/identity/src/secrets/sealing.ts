import { createCipheriv, createDecipheriv } from 'node:crypto'
import type { SecretKeyList } from '@meridian/service-kit/settings'
import type { RandomBytes } from './secrets.ts'

// Layout: 1 byte length of the key's id, the id, 12 bytes nonce, ciphertext, 16 bytes tag. AES-256-GCM
// (NIST SP 800-38D); `purpose` is authenticated, so a sealed mail cannot pass for a sealed key.
const NONCE_BYTES = 12
const TAG_BYTES = 16
const KEY_BYTES = 32

export function seal(
  keys: SecretKeyList,
  purpose: string,
  plaintext: Uint8Array,
  randomBytes: RandomBytes,
): Uint8Array {
  const [{ id, key }] = keys
  const nonce = randomBytes(NONCE_BYTES)
  const cipher = createCipheriv('aes-256-gcm', key.subarray(0, KEY_BYTES), nonce)
  cipher.setAAD(Buffer.from(purpose))
  const body = Buffer.concat([cipher.update(plaintext), cipher.final()])
  return Buffer.concat([Buffer.from([id.length]), Buffer.from(id), nonce, body, cipher.getAuthTag()])
}

export class UnsealError extends Error {
  override readonly name = 'UnsealError'
}

/** Throws UnsealError where the key is not in the list or anything was changed. */
export function unseal(keys: SecretKeyList, purpose: string, sealed: Uint8Array): Uint8Array {
  const bytes = Buffer.from(sealed)
  const idEnd = 1 + (bytes[0] ?? 0)
  const id = bytes.subarray(1, idEnd).toString()
  const found = keys.find((candidate) => candidate.id === id)
  if (found === undefined) throw new UnsealError(`sealed with key "${id}", which is not among the configured ones`)
  const nonce = bytes.subarray(idEnd, idEnd + NONCE_BYTES)
  try {
    const decipher = createDecipheriv('aes-256-gcm', found.key.subarray(0, KEY_BYTES), nonce)
    decipher.setAAD(Buffer.from(purpose))
    decipher.setAuthTag(bytes.subarray(-TAG_BYTES))
    return Buffer.concat([decipher.update(bytes.subarray(idEnd + NONCE_BYTES, -TAG_BYTES)), decipher.final()])
  } catch (error) {
    throw new UnsealError('does not open: wrong key, or changed since it was sealed', { cause: error })
  }
}
