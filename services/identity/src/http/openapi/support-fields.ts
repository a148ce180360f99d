// Fields of support access. How they are found is fields.ts.
import type { Field } from './field.ts'

const PERSON = '0198c5f2-7a3b-7c4d-8e5f-6a7b8c9d0e2a'
const INSTANT = '2026-01-01T10:00:00.000Z'

export const SUPPORT_FIELDS: Readonly<Record<string, Field>> = {
  'SupportRequest.org': { text: 'Id or slug of the organization.', example: 'acme' },
  'SupportRequest.region': { text: 'Where access is asked for.', example: 'in' },
  reason: {
    text: 'Why, for the organization’s managers: they are mailed it.',
    example: 'Ticket 4711: a report is empty',
  },
  access: { text: '`read`: as a viewer. `write`: as a member. Never as a manager.', example: 'read' },
  duration_seconds: { text: 'From the approval on: five minutes to four hours.', example: 3600 },
  'SupportApproval.access': { text: 'Left out: as was asked for.', example: 'read' },
  'SupportApproval.duration_seconds': { text: 'Left out: as was asked for.', example: 1800 },
  support_grants: { text: 'Newest first.' },
  requested_by: { text: 'The sys-admin who asked, and who alone can use it.' },
  'requested_by.id': { text: 'Id of the sys-admin; `act.sub` of the tokens.', example: PERSON },
  'requested_by.name': { text: 'Their name.', example: 'Root' },
  'SupportGrant.id': { text: 'Id of the support grant; `sub` and `mid` of the tokens.' },
  'SupportGrant.region': { text: 'Code of the region.', example: 'in' },
  'SupportGrant.status': { text: 'Tokens are given while it is `approved`.', example: 'approved' },
  requested_at: { text: 'When it was asked for. Without a decision it lapses after seven days.', example: INSTANT },
  decided_by: { text: 'Id of the manager who decided; null before.', example: PERSON },
  decided_at: { text: 'When; null before.', example: INSTANT },
  'SupportGrant.expires_at': {
    text: 'When it ends by itself; null unless approved.',
    example: '2026-01-01T11:00:00.000Z',
  },
  'SupportGrant.last_used_at': { text: 'When it last gave a token; null before.', example: INSTANT },
  ended_by: { text: 'Id of whoever ended it; null where it ended by itself, and before.', example: null },
  'SupportGrant.ended_at': { text: 'When it ended; null before.', example: null },
  'SupportGrant.ended_reason': {
    text: 'Who or what ended it: the organization, a sys-admin, its time, the closing of the organization or of its region, or that whoever asked is no sys-admin any more.',
    example: null,
  },
}
