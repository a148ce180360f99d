// One address is invited, or its pending invitation is given further roles. What is answered depends on what managers of
// those regions see anyway, and on nothing else: whether the address is somebody's shows nowhere, in no statement and
// no row. Needs a transaction with the organization's row locked.
import { recordAuditByRegion } from '../audit/record.ts'
import type { Deps } from '../deps.ts'
import { sealMail } from '../mail/sealed-mail.ts'
import { contactMac } from '../secrets/contact-mac.ts'
import type { Standing } from '../store/authority.ts'
import { queueInvitationMail } from '../store/invitation-mail.ts'
import {
  countInvitations,
  dropDeadRoles,
  type GivenRole,
  holdsRoles,
  type InvitationCounts,
  type Invited,
  invite,
} from '../store/invitations.ts'
import type { IdentityDb } from '../store/open-store.ts'
import { mayAct } from './authority.ts'
import { type Actor, byActor, type Cause } from './by-actor.ts'

export type InvitingDeps = Pick<Deps, 'makeId' | 'randomBytes' | 'secrets' | 'settings'>

/** A manager at work, as they stand under the organization's lock. */
export type Inviter = { readonly actor: Actor; readonly standing: Standing; readonly cause: Cause }

export type Invitee = { readonly email: string; readonly roles: readonly GivenRole[] }

export type Given =
  | { readonly outcome: 'invited'; readonly id: string }
  | { readonly outcome: 'not_your_region' | 'already_member' | 'too_many_invitations' }

export async function giveInvitation(
  deps: InvitingDeps,
  db: IdentityDb,
  inviter: Inviter,
  invitee: Invitee,
): Promise<Given> {
  const { standing } = inviter
  if (!invitee.roles.every(({ region }) => mayAct(standing, 'members:write', region))) {
    return { outcome: 'not_your_region' }
  }
  if (await holdsRoles(db, standing.org_id, invitee.email, invitee.roles)) return { outcome: 'already_member' }
  await dropDeadRoles(db, standing.org_id, invitee.email, deps.settings.invitationTtlSeconds)
  const counts = await countInvitations(db, standing.org_id, invitee.email)
  if (isOneTooMany(deps.settings, counts)) return { outcome: 'too_many_invitations' }
  const { id } = await writeInvitation(deps, db, inviter, invitee, 'invitation.created')
  return { outcome: 'invited', id }
}

/** Whether one more to the address is beyond what may wait, or what may be mailed in a day. */
function isOneTooMany(
  { invitationsPendingMax, invitationsPerDay }: Deps['settings'],
  counts: InvitationCounts,
): boolean {
  const { pending, new: mailed, is_pending: isPending, is_new: isMailed } = counts
  return (!isPending && pending >= invitationsPendingMax) || (!isMailed && mailed >= invitationsPerDay)
}

/** Writes it, with its mail where one is due, and the events. */
export async function writeInvitation(
  deps: InvitingDeps,
  db: IdentityDb,
  { actor, standing, cause }: Inviter,
  { email, roles }: Invitee,
  kind: 'invitation.created' | 'invitation.resent',
): Promise<Invited> {
  const { invitationTtlSeconds: ttlSeconds, invitationResendSeconds: resendSeconds } = deps.settings
  const invitation = { id: deps.makeId(), orgId: standing.org_id, email, invitedBy: actor.userId, roles }
  const invited = await invite(db, { ...invitation, ttlSeconds, resendSeconds })
  if (invited.mail_is_due) await mailInvitation(deps, db, { id: invited.id, email, orgName: standing.name })
  const event = { ...byActor(actor, cause), orgId: standing.org_id, details: { invitation: invited.id } }
  await recordAuditByRegion(db, deps.makeId, kind, { ...event, outcome: 'success' }, roles.map(detailsOfRole))
  return invited
}

/** What an invitation's event in a region says of the role there. */
export function detailsOfRole({ region, role }: GivenRole): readonly [region: string, details: { role: string }] {
  return [region, { role }]
}

/** The mail carries nothing that opens anything: whoever signs in with the address finds the invitation there. */
async function mailInvitation(
  deps: InvitingDeps,
  db: IdentityDb,
  { id: invitationId, email, orgName }: { readonly id: string; readonly email: string; readonly orgName: string },
): Promise<void> {
  const { issuer, invitationTtlSeconds: ttlSeconds, invitationMailsPerDay } = deps.settings
  const mail = { kind: 'invitation', to: email, orgName, adviceUrl: `${issuer}/invitations` } as const
  const queued = {
    id: deps.makeId(),
    kind: mail.kind,
    contactMac: contactMac(deps.secrets, email),
    sealedMail: sealMail(deps.secrets, mail, deps.randomBytes),
    ttlSeconds,
    invitationId,
  }
  await queueInvitationMail(db, queued, invitationMailsPerDay)
}
