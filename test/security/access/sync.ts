// Access rows of what regions report and are asked to do: a region for itself alone, sys-admins for all of them; the
// usage of an organization for its managers too.
import { ask } from '../../support/races.ts'
import { regionReport } from '../../support/region-reports.ts'
import {
  type AccessRow,
  everyPerson,
  managersOnly,
  type Outcome,
  sysAdminsOnly,
  type Target,
  type ThingMaker,
} from './shape.ts'

/** The actor is the client of the own organization's region. */
function ofItsRegion(granted: Outcome): Pick<AccessRow, 'own' | 'foreign'> {
  const refused = { ...everyPerson('401 invalid_token').own, region: '403 access_denied' } as const
  return { own: { ...refused, region: granted }, foreign: refused }
}

const usage = managersOnly('200')
const progress = {
  status: 'running',
  done: 1,
  total: 2,
  report: { rows: 1, differing: 0, mended: 0, named: [], error: null },
}

export const SYNC_ROWS: readonly AccessRow[] = [
  {
    route: 'PUT /v1/regions/:code/report',
    request: ({ region }) => ({ url: `/v1/regions/${region}/report`, payload: regionReport() }),
    ...ofItsRegion('200'),
  },
  {
    route: 'PUT /v1/regions/:code/orders/:id',
    request: ({ region, things }: Target) => ({
      url: `/v1/regions/${region}/orders/${things['sync_order']}`,
      payload: progress,
    }),
    ...ofItsRegion('204'),
  },
  { route: 'GET /v1/regions', request: () => ({ url: '/v1/regions' }), ...sysAdminsOnly('200') },
  { route: 'GET /v1/sync/regions', request: () => ({ url: '/v1/sync/regions' }), ...sysAdminsOnly('200') },
  {
    route: 'POST /v1/sync/orders',
    request: ({ region }) => ({
      url: '/v1/sync/orders',
      payload: { kind: 'compare', regions: [region], force: true },
    }),
    ...sysAdminsOnly('201'),
  },
  { route: 'GET /v1/sync/orders', request: () => ({ url: '/v1/sync/orders' }), ...sysAdminsOnly('200') },
  {
    route: 'GET /v1/sync/orders/:id',
    request: ({ things }) => ({ url: `/v1/sync/orders/${things['sync_order']}` }),
    ...sysAdminsOnly('200'),
  },
  {
    route: 'GET /v1/orgs/:org/usage',
    request: ({ org }) => ({ url: `/v1/orgs/${org.slug}/usage?from=2026-01-01&to=2026-01-31` }),
    own: { ...usage.own, sys_admin: '200' },
    foreign: { ...usage.foreign, sys_admin: '200' },
  },
]

export const SYNC_THINGS: readonly ThingMaker[] = [
  {
    // A region has one open order, whichever organization it is made for.
    kind: 'sync_order',
    make: async ({ identity, target }) => {
      const id = identity.deps.makeId()
      await ask(identity, "INSERT INTO sync_order (id, region, kind) VALUES ($1::uuid, $2, 'compare')", [
        id,
        target.region,
      ])
      return id
    },
  },
]
