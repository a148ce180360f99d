// A person takes away everything that is held about them here (GDPR, articles 15 and 20). It is recorded, and they are
// told by mail: whoever holds their session would otherwise take it unseen.
import { withTransaction } from '@meridian/database/transaction'
import type { ExportedEvent, PersonExport } from '@meridian/protocol/export'
import { type Origin, recordAudit } from '../audit/record.ts'
import type { Deps } from '../deps.ts'
import { queueNotice } from '../mail/notice.ts'
import { Refusal } from '../refusal.ts'
import { contactMacs } from '../secrets/contact-mac.ts'
import { listOwnAddresses } from '../store/person-contacts.ts'
import { readHeldData, readOwnEvents } from '../store/person-export.ts'
import { lockUser } from '../store/users.ts'
import { type Actor, byActor } from './by-actor.ts'
import { instantOf } from './instant.ts'

type ExportDeps = Pick<Deps, 'db' | 'makeId' | 'randomBytes' | 'secrets'>

export type ExportInParts = {
  readonly held: Omit<PersonExport, 'events'>
  /** Read while they are taken: there may be very many. */
  readonly events: AsyncIterable<readonly ExportedEvent[]>
}

export async function exportOwnData(
  deps: ExportDeps,
  person: Actor & { readonly email: string | null; readonly now: number },
  origin: Origin,
): Promise<ExportInParts> {
  const { userId } = person
  const held = await withTransaction(deps.db, async (db) => {
    const account = await lockUser(db, userId)
    if (account?.status !== 'active') throw new Refusal('invalid_token', 'deleted or locked meanwhile')
    await recordAudit(db, deps.makeId, 'user.exported', { ...byActor(person, origin), outcome: 'success' })
    const addresses = await listOwnAddresses(db, userId)
    const macs = addresses.flatMap((address) => contactMacs(deps.secrets, address))
    const read = await readHeldData(db, { id: userId, addresses, contactMacs: macs }, instantOf(person.now))
    if (person.email !== null) await queueNotice(deps, db, { kind: 'account_exported', to: person.email })
    return read
  })
  return { held, events: readOwnEvents(deps.db, userId) }
}
