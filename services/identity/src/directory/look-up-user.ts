// A sys-admin looks a person up: by the exact address or by id, and every look is recorded, whether or not there is
// anybody. It shows where somebody belongs, never what they may do there; the regions hold the rest, and do not tell.
import { withTransaction } from '@meridian/database/transaction'
import type { User, UserList } from '@meridian/protocol/users'
import { type Origin, recordAudit } from '../audit/record.ts'
import type { Deps } from '../deps.ts'
import { Refusal } from '../refusal.ts'
import type { IdentityDb } from '../store/open-store.ts'
import { findUser, type UserRow } from '../store/user-look-up.ts'
import { type Actor, byActor } from './by-actor.ts'
import { instantOf } from './instant.ts'

type LookUpDeps = Pick<Deps, 'db' | 'makeId'>

export async function lookUpByEmail(deps: LookUpDeps, actor: Actor, email: string, origin: Origin): Promise<UserList> {
  const found = await lookUp(deps, actor, { email }, origin)
  return { users: found === undefined ? [] : [found] }
}

/** Throws Refusal (not_found). */
export async function lookUpById(deps: LookUpDeps, actor: Actor, id: string, origin: Origin): Promise<User> {
  const found = await lookUp(deps, actor, { id }, origin)
  if (found === undefined) throw new Refusal('not_found', 'no such person')
  return found
}

async function lookUp(
  deps: LookUpDeps,
  actor: Actor,
  by: { readonly email: string } | { readonly id: string },
  origin: Origin,
): Promise<User | undefined> {
  return withTransaction(deps.db, async (db) => {
    const row = await findUser(db, by)
    await recordAudit(db, deps.makeId, 'user.looked_up', {
      ...byActor(actor, origin),
      outcome: 'success',
      details: { by: 'email' in by ? 'email' : 'id', user: row?.id ?? null },
    })
    return row === undefined ? undefined : present(row)
  })
}

/** Unrecorded: what a change of them answers. Throws Refusal (not_found). */
export async function getUser(db: IdentityDb, id: string): Promise<User> {
  const row = await findUser(db, { id })
  if (row === undefined) throw new Refusal('not_found', 'no such person')
  return present(row)
}

function present(row: UserRow): User {
  const { created_at: createdAt, disabled_at: disabledAt, deleted_at: deletedAt, ordered, acknowledged, ...rest } = row
  return {
    ...rest,
    created_at: instantOf(createdAt),
    disabled_at: disabledAt === null ? null : instantOf(disabledAt),
    deleted_at: deletedAt === null ? null : instantOf(deletedAt),
    erasure: { ordered, acknowledged },
  }
}
