// Invitations, as the invited person sees and answers them: those to the address that they have proved. Yes is one
// transaction, in which everything that the invitation rested on is read again. Whatever is wrong with it, it is gone.
import { withTransaction } from '@meridian/database/transaction'
import type { InvitationAccepted, OwnInvitation, OwnInvitationList } from '@meridian/protocol/invitations'
import type { OwnMembership } from '@meridian/protocol/members'
import { type Origin, recordAuditByRegion } from '../audit/record.ts'
import type { Deps } from '../deps.ts'
import { Refusal } from '../refusal.ts'
import { lockOrganization } from '../store/authority.ts'
import {
  findPlaceOfInvitation,
  listOwnInvitations,
  type OwnInvitationRow,
  settleAsAccepted,
  settleAsDeclined,
} from '../store/invitation-answers.ts'
import { listOwnMemberships, takeUpMembership } from '../store/memberships.ts'
import type { IdentityDb } from '../store/open-store.ts'
import { isMembershipOfSysAdmin } from '../store/organizations.ts'
import { lockUser } from '../store/users.ts'
import { answerOnce } from './answer-once.ts'
import { type ActingPerson, byActor } from './by-actor.ts'
import { detailsOfRole } from './give-invitation.ts'
import { instantOf } from './instant.ts'
import { keepingLastManager } from './last-manager.ts'
import { presentOwnMembership } from './own-memberships.ts'

type AnsweringDeps = Pick<Deps, 'db' | 'makeId'>

export async function readOwnInvitations(deps: Pick<Deps, 'db'>, userId: string): Promise<OwnInvitationList> {
  return { invitations: (await listOwnInvitations(deps.db, userId)).map(present) }
}

/**
 * The person becomes an active member with the invitation's roles, also where they are or were one with another role.
 * Throws Refusal: invitation_gone, last_manager, sys_admin_cannot_be_member, idempotency_key_reused.
 */
export async function acceptInvitation(
  deps: AnsweringDeps,
  person: ActingPerson,
  id: string,
  idempotencyKey: string | undefined,
  origin: Origin,
): Promise<InvitationAccepted> {
  const place = await findPlaceOfInvitation(deps.db, id)
  if (place === undefined) throw gone()
  const { org_id: orgId, regions } = place
  const event = eventOf(person, origin, id, orgId)
  const key = { scope: `accept_invitation ${person.userId}`, value: idempotencyKey, request: { id } }
  try {
    return await keepingLastManager(deps, { ...event, regions, kind: 'invitation.accepted' }, (db) =>
      answerOnce(db, key, 200, async () => {
        const accepted = await accept(deps, db, person, id, orgId)
        const given = accepted.memberships.map(detailsOfMembership)
        await recordAuditByRegion(db, deps.makeId, 'invitation.accepted', { ...event, outcome: 'success' }, given)
        return accepted
      }),
    )
  } catch (error) {
    if (isMembershipOfSysAdmin(error)) throw new Refusal('sys_admin_cannot_be_member', 'the invited is a sys-admin')
    throw error
  }
}

async function accept(
  deps: AnsweringDeps,
  db: IdentityDb,
  { userId }: ActingPerson,
  id: string,
  orgId: string,
): Promise<InvitationAccepted> {
  await lockUser(db, userId)
  await lockOrganization(db, orgId)
  const roles = await settleAsAccepted(db, id, userId)
  if (roles === undefined) throw gone()
  const memberships = []
  for (const { region, role } of roles) {
    const taken = await takeUpMembership(db, { id: deps.makeId(), userId, orgId, region, role })
    memberships.push(...(await listOwnMemberships(db, userId, taken)).map(presentOwnMembership))
  }
  return { memberships }
}

/** Throws Refusal (invitation_gone). */
export async function declineInvitation(
  deps: AnsweringDeps,
  person: ActingPerson,
  id: string,
  origin: Origin,
): Promise<void> {
  const place = await findPlaceOfInvitation(deps.db, id)
  if (place === undefined) throw gone()
  await withTransaction(deps.db, async (db) => {
    await lockUser(db, person.userId)
    const roles = await settleAsDeclined(db, id, person.userId)
    if (roles === undefined) throw gone()
    const declined = { ...eventOf(person, origin, id, place.org_id), outcome: 'success' } as const
    await recordAuditByRegion(db, deps.makeId, 'invitation.declined', declined, roles.map(detailsOfRole))
  })
}

const gone = () => new Refusal('invitation_gone', 'not theirs, answered, taken back, expired or overtaken')

function eventOf(person: ActingPerson, origin: Origin, id: string, orgId: string) {
  return { ...byActor(person, origin), orgId, details: { invitation: id } }
}

function detailsOfMembership({ id, region, role }: OwnMembership) {
  return [region, { membership: id, role }] as const
}

function present(row: OwnInvitationRow): OwnInvitation {
  return {
    id: row.id,
    org: { id: row.org_id, slug: row.slug, name: row.org_name },
    roles: row.roles.map(({ region, region_name: name, role }) => ({ region: { code: region, name }, role })),
    expires_at: instantOf(row.expires_at),
  }
}
