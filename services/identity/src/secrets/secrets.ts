// Keys that are not in the database, and what is done with them: sealing (AES-GCM) and authenticating (HMAC).
// A dump of the database opens nothing without them. Each is a list, newest first: the first seals and signs,
// all of them open and verify.
import type { SecretKeyList } from '@meridian/service-kit/settings'

export type Secrets = {
  /** MACs of refresh tokens and authorization codes. */
  readonly tokenKeys: SecretKeyList
  /** MACs of one-time codes and contacts. */
  readonly otpKeys: SecretKeyList
  /** Seals signing keys and queued mail. */
  readonly sealKeys: SecretKeyList
}

export type RandomBytes = (size: number) => Uint8Array
