// By which contacts a person is known besides their row: what they may be written to, and what names them in tables that
// hold no addresses.
import type { Statement } from '@meridian/database/database'
import { z } from 'zod'
import type { IdentityDb } from './open-store.ts'

// One that was given up may be somebody else's by now.
const LIST_OWN_ADDRESSES: Statement = {
  name: 'list_own_addresses',
  text: `SELECT email FROM user_account WHERE id = $1::uuid AND email IS NOT NULL
    UNION SELECT e.old_email FROM email_change e WHERE e.user_id = $1::uuid AND e.committed_at IS NOT NULL
      AND NOT EXISTS (SELECT FROM user_account u WHERE u.email = e.old_email)`,
}

/** The person's address, and those that they had lately and nobody has now. */
export async function listOwnAddresses(db: IdentityDb, userId: string): Promise<readonly string[]> {
  const rows = await db.sql(LIST_OWN_ADDRESSES, [userId])
  return rows.map((row) => z.object({ email: z.string() }).parse(row).email)
}

/** As a parameter of a statement: `hashesOf` makes bytes of it again. */
export function hashesParameter(hashes: readonly Uint8Array[]): string {
  return hashes.map((hash) => Buffer.from(hash).toString('hex')).join(' ')
}

export const hashesOf = (parameter: string) =>
  `(SELECT decode(hash, 'hex') FROM unnest(string_to_array(${parameter}::text, ' ')) hash)`

/** Invitations to the addresses ($2, apart by spaces) or accepted by the person ($1): each arm has its index. */
export const OWN_INVITATIONS = `(SELECT id FROM invitation WHERE user_id = $1::uuid
  UNION SELECT id FROM invitation WHERE status = 'pending' AND email = ANY (string_to_array($2::text, ' '))
  UNION SELECT id FROM invitation WHERE status <> 'pending' AND email <> '' AND email = ANY (string_to_array($2::text, ' ')))`

const VOID_CODES: Statement = {
  name: 'void_codes_of_contacts',
  text: `DELETE FROM contact_budget WHERE contact_mac IN ${hashesOf('$1')}`,
}

/**
 * Forgets the contacts' budgets, and with them which codes are live: none works any more. Whoever has just answered one
 * is waited for.
 */
export async function forgetBudgets(db: IdentityDb, contactMacs: readonly Uint8Array[]): Promise<void> {
  await db.sql(VOID_CODES, [hashesParameter(contactMacs)])
}
