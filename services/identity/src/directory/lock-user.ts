// A sys-admin locks an account or lets it in again. A lock ends every session; memberships stay as they are, and admit
// nobody meanwhile. Nobody locks themself, the last sys-admin, or the last manager of an organization that is in use.
import { withTransaction } from '@meridian/database/transaction'
import type { User, UserStatusChange } from '@meridian/protocol/users'
import type { ExpectedVersions } from '@meridian/service-kit/if-match'
import { type AuditKind, type Origin, recordAudit } from '../audit/record.ts'
import type { Deps } from '../deps.ts'
import { queueNotice } from '../mail/notice.ts'
import { Refusal } from '../refusal.ts'
import { contactMacs } from '../secrets/contact-mac.ts'
import { listOrganizationsDependingOn, lockOrganizationsOfPerson } from '../store/delete-person.ts'
import { ALL_SESSIONS, endSessions } from '../store/end-sessions.ts'
import type { IdentityDb } from '../store/open-store.ts'
import { voidSignInCodes } from '../store/otp-challenges.ts'
import { lockUser, setUserStatus } from '../store/users.ts'
import { requireActingSysAdmin } from './acting-sys-admin.ts'
import { type Actor, byActor } from './by-actor.ts'
import { endLapsedSupport } from './end-overdue-support.ts'
import { getUser } from './look-up-user.ts'
import { refusalOfLoss } from './refusal-of-loss.ts'

type LockDeps = Pick<Deps, 'db' | 'makeId' | 'randomBytes' | 'secrets'>

const KINDS: Readonly<Record<UserStatusChange['status'], AuditKind>> = {
  active: 'user.enabled',
  disabled: 'user.disabled',
}

/** Refusals that are kept: somebody was, and meant it. */
const TRIED_IN_VAIN: ReadonlySet<string> = new Set(['conflict', 'last_manager'])

/** Throws Refusal: not_found, precondition_failed, conflict, last_manager (with the organizations). */
export async function changeUserStatus(
  deps: LockDeps,
  actor: Actor,
  target: { readonly id: string; readonly expected: ExpectedVersions },
  change: UserStatusChange,
  origin: Origin,
): Promise<User> {
  const event = { ...byActor(actor, origin), details: { user: target.id, reason: change.reason } }
  try {
    return await withTransaction(deps.db, async (db) => {
      const account = await getAccount(db, actor, target)
      if (account.status !== change.status) {
        const sessionsEnded = change.status === 'disabled' ? await lock(deps, db, target.id, account.email) : 0
        await setUserStatus(db, target.id, change.status)
        await endLapsedSupport(deps, db, { requestedBy: target.id }, origin.requestId)
        const details = { ...event.details, sessions_ended: sessionsEnded }
        await recordAudit(db, deps.makeId, KINDS[change.status], { ...event, details, outcome: 'success' })
        const kind = change.status === 'disabled' ? 'account_locked' : 'account_unlocked'
        if (account.email !== null) await queueNotice(deps, db, { kind, to: account.email })
      }
      return getUser(db, target.id)
    })
  } catch (error) {
    const refusal = refusalOfLoss(error) ?? error
    if (!(refusal instanceof Refusal) || !TRIED_IN_VAIN.has(refusal.code)) throw refusal
    await recordAudit(deps.db, deps.makeId, KINDS[change.status], { ...event, outcome: 'refused' })
    throw refusal
  }
}

async function getAccount(
  db: IdentityDb,
  actor: Actor,
  { id, expected }: { readonly id: string; readonly expected: ExpectedVersions },
) {
  await requireActingSysAdmin(db, actor, id)
  const account = await lockUser(db, id)
  if (account === undefined) throw new Refusal('not_found', 'no such person')
  if (id === actor.userId) throw new Refusal('conflict', 'their own account', 'Nobody changes the status of their own')
  if (account.status === 'deleted') throw new Refusal('conflict', 'deleted', 'A deleted account stays deleted')
  if (expected !== 'any' && !expected.includes(account.version))
    throw new Refusal('precondition_failed', 'another version')
  return account
}

/** Resolves to how many sessions ended. */
async function lock(deps: LockDeps, db: IdentityDb, userId: string, email: string | null): Promise<number> {
  await lockOrganizationsOfPerson(db, userId)
  const organizations = await listOrganizationsDependingOn(db, userId, 'lock')
  if (organizations.length > 0) {
    const detail = 'Suspend the organization first: its managers are what keeps it in use'
    throw new Refusal('last_manager', 'the last manager somewhere', detail, { members: { organizations } })
  }
  // Before sessions end: whoever has just answered a code is waited for, and their session is seen and ended.
  for (const mac of email === null ? [] : contactMacs(deps.secrets, email)) await voidSignInCodes(db, mac)
  return (await endSessions(db, userId, ALL_SESSIONS, 'party_gone')).length
}
