// What the hash of an event is made of. Everything that an event says goes into it, what is personal by its salted
// digest, so that it can be erased; and who it was by a digest too, so that an export that leaves them out still proves.
// Documented for whoever verifies an export in README.md; test/audit/export.test.ts does it from that text alone.
import { createHash } from 'node:crypto'
import type { AuditRow } from '../store/audit-rows.ts'
import { canonicalJson } from './canonical-json.ts'

const VERSION = 'meridian-audit-1'
/** Of the chain's first event: the hash before it. */
export const GENESIS = '00'.repeat(32)
/** Instead of the length of something that is not there. */
const NULL_LENGTH = 0xff_ff_ff_ff

/** SHA-256, in hexadecimal, over the parts, each behind its length in four bytes. */
export function digestOf(parts: readonly (string | Uint8Array | null)[]): string {
  const hash = createHash('sha256')
  for (const part of parts) {
    const bytes = Buffer.from(part ?? '')
    const length = Buffer.alloc(4)
    length.writeUInt32BE(part === null ? NULL_LENGTH : bytes.byteLength)
    hash.update(length).update(bytes)
  }
  return hash.digest('hex')
}

export function whoDigestOf(event: AuditRow): string {
  return digestOf([event.actor_kind, event.actor_user_id, event.client_id, event.session_id])
}

export type Place = { readonly chain: string; readonly seq: number; readonly previousHash: string }

export function hashOf(event: AuditRow, { chain, seq, previousHash }: Place): string {
  return digestOf([
    VERSION,
    chain,
    String(seq),
    previousHash,
    event.id,
    event.at,
    event.kind,
    event.outcome,
    event.region,
    event.request_id,
    whoDigestOf(event),
    canonicalJson(event.details),
    event.personal_digest,
  ])
}

/** As the database makes it when the event is written (`audit_digest`). */
export function personalDigestOf({ salt, details }: { readonly salt: Uint8Array; readonly details: string }): string {
  return digestOf([salt, details])
}
