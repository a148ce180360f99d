// Access rows of support access: asked for from outside, decided on and ended inside.
import { askForSupport, letSupportIn } from '../../support/support-access.ts'
import {
  type AccessRow,
  type Maker,
  managersOnly,
  membersOnly,
  type Outcome,
  sysAdminsOnly,
  type Target,
  type ThingMaker,
} from './shape.ts'

const place = ({ org, region }: Target) => ({ org: org.slug, region })

export const SUPPORT_THINGS: readonly ThingMaker[] = [
  {
    kind: 'support_grant',
    make: ({ identity, sysAdmin, manager, target }: Maker) => letSupportIn(identity, sysAdmin, manager, place(target)),
  },
  {
    kind: 'support_request',
    make: async ({ identity, sysAdmin, target }: Maker) =>
      String((await askForSupport(identity, sysAdmin, place(target))).body['id']),
  },
]

const ofPlatform = (route: string, granted: Outcome, request: AccessRow['request']): AccessRow => ({
  route,
  request,
  ...sysAdminsOnly(granted),
})

const step = (kind: string, name: string) => ({
  route: `POST /v1/orgs/:org/support-grants/:id/${name}`,
  request: ({ org, things }: Target) => ({ url: `/v1/orgs/${org.id}/support-grants/${things[kind]}/${name}` }),
})

export const SUPPORT_ROWS: readonly AccessRow[] = [
  ofPlatform('GET /v1/support-grants', '200', () => ({ url: '/v1/support-grants' })),
  ofPlatform('POST /v1/support-grants', '201', (target) => ({
    url: '/v1/support-grants',
    payload: { ...place(target), reason: 'Ticket 1', duration_seconds: 600 },
  })),
  ofPlatform('GET /v1/support-grants/:id', '200', ({ things }) => ({
    url: `/v1/support-grants/${things['support_grant']}`,
  })),
  ofPlatform('POST /v1/support-grants/:id/end', '200', ({ things }) => ({
    url: `/v1/support-grants/${things['support_grant']}/end`,
  })),
  {
    route: 'GET /v1/orgs/:org/support-grants',
    request: ({ org }) => ({ url: `/v1/orgs/${org.slug}/support-grants` }),
    ...membersOnly('200'),
  },
  { ...step('support_request', 'approve'), ...managersOnly('200') },
  { ...step('support_request', 'decline'), ...managersOnly('200') },
  { ...step('support_grant', 'end'), ...membersOnly('200') },
]
