// Who administers the platform, as sys-admins themselves decide it. The last one stays, whoever acts at the same time:
// the database keeps them. The first is appointed by command alone (appoint-sys-admin.ts). All are told of each change.
import { withTransaction } from '@meridian/database/transaction'
import type { PageQuery } from '@meridian/protocol/paging'
import type { SysAdmin, SysAdminAppointment, SysAdminPage } from '@meridian/protocol/sys-admins'
import { type Origin, recordAudit } from '../audit/record.ts'
import type { Deps } from '../deps.ts'
import { queueNotice } from '../mail/notice.ts'
import { Refusal } from '../refusal.ts'
import { contactMacs } from '../secrets/contact-mac.ts'
import { ALL_SESSIONS, endSessions } from '../store/end-sessions.ts'
import type { IdentityDb } from '../store/open-store.ts'
import { isMembershipOfSysAdmin } from '../store/organizations.ts'
import { voidSignInCodes } from '../store/otp-challenges.ts'
import {
  appointSysAdmin,
  dismissSysAdmin,
  findSysAdmin,
  listAddressesOfSysAdmins,
  listSysAdmins,
  type SysAdminRow,
} from '../store/sys-admins.ts'
import { findUserByEmail, insertUserIfAbsent, lockUser } from '../store/users.ts'
import { requireActingSysAdmin } from './acting-sys-admin.ts'
import { answerOnce } from './answer-once.ts'
import { type Actor, byActor } from './by-actor.ts'
import { endLapsedSupport } from './end-overdue-support.ts'
import { instantOf } from './instant.ts'
import { refusalOfLoss } from './refusal-of-loss.ts'

type SysAdminDeps = Pick<Deps, 'db' | 'makeId' | 'randomBytes' | 'secrets'>

export async function readSysAdmins(deps: Pick<Deps, 'db'>, page: PageQuery): Promise<SysAdminPage> {
  const rows = await listSysAdmins(deps.db, page.cursor, page.limit + 1)
  const shown = rows.slice(0, page.limit).map(present)
  return { sys_admins: shown, next_cursor: rows.length > page.limit ? (shown.at(-1)?.id ?? null) : null }
}

/** Throws Refusal: access_denied, conflict, sys_admin_cannot_be_member, email_taken, idempotency_key_reused. */
export async function appoint(
  deps: SysAdminDeps,
  actor: Actor,
  appointment: SysAdminAppointment,
  idempotencyKey: string | undefined,
  origin: Origin,
): Promise<SysAdmin> {
  const key = { scope: `appoint_sys_admin ${actor.userId}`, value: idempotencyKey, request: appointment }
  try {
    return await withTransaction(deps.db, async (db) => {
      // The id alone is kept for a repeat, not who it is.
      const { id } = await answerOnce(db, key, 201, () => appointOne(deps, db, actor, appointment, origin))
      const row = await findSysAdmin(db, id)
      if (row === undefined) throw new Refusal('conflict', 'dismissed since', 'They were dismissed since then')
      return present(row)
    })
  } catch (error) {
    if (isMembershipOfSysAdmin(error)) throw new Refusal('sys_admin_cannot_be_member', 'they have a membership')
    throw error
  }
}

async function appointOne(
  deps: SysAdminDeps,
  db: IdentityDb,
  actor: Actor,
  { email, name }: SysAdminAppointment,
  origin: Origin,
): Promise<{ readonly id: string }> {
  await insertUserIfAbsent(db, { id: deps.makeId(), email, name })
  const user = await findUserByEmail(db, email)
  if (user === null) throw new Refusal('email_taken', 'somebody may still have this address back')
  await requireActingSysAdmin(db, actor, user.id)
  if (!(await appointSysAdmin(db, user.id)))
    throw new Refusal('conflict', 'a sys-admin already, or not active', 'This account cannot become one')
  // Sessions from before live by the rules of an ordinary account: they end.
  const ended = await endEverySession(deps, db, { id: user.id, email })
  const details = { user: user.id, sessions_ended: ended }
  await recordAudit(db, deps.makeId, 'sys_admin.appointed', { ...byActor(actor, origin), outcome: 'success', details })
  for (const to of await listAddressesOfSysAdmins(db))
    await queueNotice(deps, db, { kind: 'sys_admin_appointed', to, who: email })
  return { id: user.id }
}

/** What is left is an ordinary account. Throws Refusal: not_found, conflict (the last one). */
export async function dismiss(deps: SysAdminDeps, actor: Actor, id: string, origin: Origin): Promise<void> {
  const event = { ...byActor(actor, origin), details: { user: id } }
  try {
    await withTransaction(deps.db, async (db) => {
      await requireActingSysAdmin(db, actor, id)
      const told = await listAddressesOfSysAdmins(db)
      const account = await lockUser(db, id)
      if (account === undefined || !(await dismissSysAdmin(db, id))) throw new Refusal('not_found', 'no such sys-admin')
      const ended = await endEverySession(deps, db, { id, email: account.email })
      await endLapsedSupport(deps, db, { requestedBy: id }, origin.requestId)
      const details = { ...event.details, sessions_ended: ended }
      await recordAudit(db, deps.makeId, 'sys_admin.dismissed', { ...event, details, outcome: 'success' })
      const who = account.email ?? id
      for (const to of told) await queueNotice(deps, db, { kind: 'sys_admin_dismissed', to, who })
    })
  } catch (error) {
    const refusal = refusalOfLoss(error)
    if (refusal === undefined) throw error
    await recordAudit(deps.db, deps.makeId, 'sys_admin.dismissed', { ...event, outcome: 'refused' })
    throw refusal
  }
}

/** And voids the codes that are under way, which would begin one by the former rules. Resolves to how many ended. */
async function endEverySession(
  deps: SysAdminDeps,
  db: IdentityDb,
  person: { readonly id: string; readonly email: string | null },
): Promise<number> {
  for (const mac of person.email === null ? [] : contactMacs(deps.secrets, person.email)) await voidSignInCodes(db, mac)
  return (await endSessions(db, person.id, ALL_SESSIONS, 'party_gone')).length
}

function present({ created_at: createdAt, ...row }: SysAdminRow): SysAdmin {
  return { ...row, created_at: instantOf(createdAt) }
}
