// Invitations, as managers make, see, repeat and take them back: in the regions in which they have authority. What an
// invitation gives in other regions is theirs who manage those, and neither shown nor touched.
import { withTransaction } from '@meridian/database/transaction'
import type { Invitation, InvitationCreate, InvitationPage, InvitationPageQuery } from '@meridian/protocol/invitations'
import { type Origin, recordAuditByRegion } from '../audit/record.ts'
import type { Deps } from '../deps.ts'
import { Refusal } from '../refusal.ts'
import type { Standing } from '../store/authority.ts'
import { findInvitation, type InvitationRow, listInvitations, revokeInvitation } from '../store/invitations.ts'
import type { IdentityDb } from '../store/open-store.ts'
import { answerOnce } from './answer-once.ts'
import { type Acting, regionsOfAuthority, requireAuthority, requireAuthorityToChange } from './authority.ts'
import { type Actor, byActor } from './by-actor.ts'
import { detailsOfRole, type Given, giveInvitation, type InvitingDeps, writeInvitation } from './give-invitation.ts'
import { instantOf } from './instant.ts'

type WritingDeps = InvitingDeps & Pick<Deps, 'db'>

/** Throws Refusal: access_denied, conflict, too_many_invitations, idempotency_key_reused. */
export async function createInvitation(
  deps: WritingDeps,
  actor: Actor,
  org: string,
  request: InvitationCreate,
  idempotencyKey: string | undefined,
  origin: Origin,
): Promise<Invitation> {
  return withTransaction(deps.db, async (db) => {
    const { org_id: orgId } = await requireAuthority(db, actor, org, 'members:write')
    const scope = `create_invitation ${actor.userId} ${orgId}`
    return answerOnce(db, { scope, value: idempotencyKey, request }, 201, async () => {
      const standing = await requireAuthorityToChange(db, actor, orgId, 'members:write')
      const given = await giveInvitation(deps, db, { actor, standing, cause: origin }, request)
      return present(await getInvitation(db, standing, idOf(given)))
    })
  })
}

function idOf(given: Given): string {
  switch (given.outcome) {
    case 'not_your_region':
      throw new Refusal('access_denied', 'a region without authority')
    case 'already_member':
      throw new Refusal('conflict', 'nothing to invite to', 'roles: are those that this member has')
    case 'too_many_invitations':
      throw new Refusal('too_many_invitations', 'as many as may be pending, or mailed in a day')
    case 'invited':
      return given.id
  }
}

/** Throws Refusal (access_denied). */
export async function listInvitationsOf(
  deps: Pick<Deps, 'db'>,
  person: Acting,
  org: string,
  { status, cursor: after, limit }: InvitationPageQuery,
): Promise<InvitationPage> {
  const standing = await requireAuthority(deps.db, person, org, 'members:read')
  const regions = regionsOfAuthority(standing, 'members:read')
  const rows = await listInvitations(deps.db, standing.org_id, { regions, status, after, limit: limit + 1 })
  const invitations = rows.slice(0, limit).map(present)
  return { invitations, next_cursor: rows.length > limit ? (invitations.at(-1)?.id ?? null) : null }
}

/** Throws Refusal: access_denied, not_found. */
export async function readInvitation(
  deps: Pick<Deps, 'db'>,
  person: Acting,
  org: string,
  id: string,
): Promise<Invitation> {
  const standing = await requireAuthority(deps.db, person, org, 'members:read')
  return present(await getInvitation(deps.db, standing, id))
}

/**
 * Mails it again, unless that was done a moment ago, and makes it good for its whole time again, in the name of whoever
 * asks. Throws Refusal: access_denied, not_found, invitation_gone.
 */
export async function resendInvitation(
  deps: WritingDeps,
  actor: Actor,
  org: string,
  id: string,
  origin: Origin,
): Promise<Invitation> {
  return withTransaction(deps.db, async (db) => {
    const standing = await requireAuthorityToChange(db, actor, org, 'members:write')
    const { email, roles } = await getPending(db, standing, id)
    await writeInvitation(deps, db, { actor, standing, cause: origin }, { email, roles }, 'invitation.resent')
    return present(await getInvitation(db, standing, id))
  })
}

/** Throws Refusal: access_denied, not_found, invitation_gone. */
export async function takeBackInvitation(
  deps: Pick<Deps, 'db' | 'makeId'>,
  actor: Actor,
  org: string,
  id: string,
  origin: Origin,
): Promise<void> {
  await withTransaction(deps.db, async (db) => {
    const standing = await requireAuthorityToChange(db, actor, org, 'members:write')
    const { roles } = await getPending(db, standing, id)
    if (!(await revokeInvitation(db, id, regionsOf(standing)))) throw gone()
    const event = { ...byActor(actor, origin), orgId: standing.org_id, details: { invitation: id } }
    const revoked = { ...event, outcome: 'success' } as const
    await recordAuditByRegion(db, deps.makeId, 'invitation.revoked', revoked, roles.map(detailsOfRole))
  })
}

const gone = () => new Refusal('invitation_gone', 'answered, taken back or expired')

const regionsOf = (standing: Standing) => regionsOfAuthority(standing, 'members:write')

async function getPending(db: IdentityDb, standing: Standing, id: string): Promise<InvitationRow> {
  const found = await getInvitation(db, standing, id)
  if (found.status !== 'pending') throw gone()
  return found
}

async function getInvitation(db: IdentityDb, standing: Standing, id: string): Promise<InvitationRow> {
  const found = await findInvitation(db, standing.org_id, regionsOf(standing), id)
  if (found === undefined) throw new Refusal('not_found', 'no such invitation, or to regions without authority')
  return found
}

function present(row: InvitationRow): Invitation {
  return {
    id: row.id,
    email: row.email,
    roles: row.roles,
    status: row.status,
    invited_by: row.invited_by,
    created_at: instantOf(row.created_at),
    expires_at: instantOf(row.expires_at),
    last_sent_at: instantOf(row.last_sent_at),
  }
}
