// Fields of members, invitations and their jobs. How they are found is fields.ts.
import type { Field } from './field.ts'

const ORG = '0198c5f2-7a3b-7c4d-8e5f-6a7b8c9d0e1f'
const INSTANT = '2026-01-01T00:00:00.000Z'

export const MEMBER_FIELDS: Readonly<Record<string, Field>> = {
  members: { text: 'By the id of their membership.' },
  memberships: { text: 'By organization and region.' },
  display_name: {
    text: 'How the person is called in this organization; null where they go by their own name.',
    example: 'Ada (India)',
  },
  search: { text: 'Part of a display name, a name or an address, in any case.' },
  'Query.region': { text: 'Those of this region alone.' },
  'Query.role': { text: 'Those of this role alone.' },
  'Query.status': { text: 'Those of this status alone.' },
  'Member.id': { text: 'Id of the membership.' },
  'Member.status': { text: 'Whoever is suspended cannot act.' },
  'Member.version': { text: 'Rises with role and status; also the ETag, and the `mv` of tokens.', example: 1 },
  'Member.created_at': { text: 'When it began.', example: INSTANT },
  'Member.changed_at': { text: 'When it last changed.', example: INSTANT },
  'MemberChange.status': { text: 'Whoever is suspended cannot act.' },
  'OwnMembership.id': { text: 'Id of the membership.' },
  'OwnMembership.status': { text: 'Whoever is suspended cannot act.' },
  'OwnMembership.version': { text: 'Rises with role and status.', example: 1 },
  roles: { text: 'Each with what it may do.' },
  'InvitationCreate.email': {
    text: 'Whom to invite, in one’s own spelling: it is normalized.',
    example: 'bo@acme.example',
  },
  'InvitationCreate.roles': { text: 'As what, in which regions. All must be regions in which one is a manager.' },
  invitations: { text: 'Oldest first.' },
  'Invitation.id': { text: 'Id of the invitation.' },
  'Invitation.email': { text: 'The address, normalized.', example: 'bo@acme.example' },
  'Invitation.roles': { text: 'As what, in those regions in which the reader is a manager.' },
  'Invitation.status': { text: '`expired` where nobody answered in time.' },
  'Invitation.created_at': { text: 'When it was made.', example: INSTANT },
  invited_by: { text: 'The manager who made it.', example: ORG },
  expires_at: { text: 'Until when it can be accepted.', example: INSTANT },
  last_sent_at: { text: 'When it was last asked to be mailed.', example: INSTANT },
  'OwnInvitation.id': { text: 'Id of the invitation.' },
  'OwnInvitation.roles': { text: 'As what, in which regions.' },
  'OwnInvitation.roles.region': { text: 'The region.' },
  'Job.id': { text: 'Id of the job.' },
  'Job.kind': { text: 'What it does.' },
  'Job.status': { text: '`failed` where it cannot go on; what is done stays done.' },
  'Job.created_at': { text: 'When it was asked for.', example: INSTANT },
  finished_at: { text: 'When it ended; null while it is under way. A month later it is erased.', example: null },
  total: { text: 'How many rows it has.', example: 2 },
  done: { text: 'How many of them are done.', example: 1 },
  report: { text: 'What became of each row that is done.' },
  line: { text: 'The line of the file on which the row begins; the header is the first.', example: 2 },
  outcome: {
    text: 'What became of it. `not_your_region`: unknown, or one in which one is no manager. `duplicate`: an earlier line names the same address and region.',
  },
  first_line: { text: 'With `duplicate`: the earlier line.', example: 2 },
}
