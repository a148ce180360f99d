import { seal, unseal } from '../secrets/sealing.ts'
import type { RandomBytes, Secrets } from '../secrets/secrets.ts'
import { type OutboxMail, outboxMailSchema } from './message.ts'

const PURPOSE = 'mail'
/** Padding to one size: what is sealed tells nothing by its length. */
const PADDED_BYTES = 512

export function sealMail(secrets: Pick<Secrets, 'sealKeys'>, mail: OutboxMail, randomBytes: RandomBytes): Uint8Array {
  return seal(secrets.sealKeys, PURPOSE, Buffer.from(JSON.stringify(mail).padEnd(PADDED_BYTES)), randomBytes)
}

export function openMail(secrets: Pick<Secrets, 'sealKeys'>, sealed: Uint8Array): OutboxMail {
  return outboxMailSchema.parse(JSON.parse(Buffer.from(unseal(secrets.sealKeys, PURPOSE, sealed)).toString()))
}
