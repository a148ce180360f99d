// Access rows of what a region follows: for its own client alone, and each region its own lanes.
import { ask } from '../../support/races.ts'
import { type AccessRow, everyPerson, type Outcome, type Target, type ThingMaker } from './shape.ts'

/** The actor is the client of the own organization's region. */
function ofItsRegion(granted: Outcome): Pick<AccessRow, 'own' | 'foreign'> {
  const refused = { ...everyPerson('401 invalid_token').own, region: '403 access_denied' } as const
  return { own: { ...refused, region: granted }, foreign: refused }
}

const at = (path: string) => (target: Target) => ({
  url: `/v1/regions/${target.region}/${path.replace(':id', target.things['erasure_order'] ?? '')}`,
})

export const REGION_LANES_ROWS: readonly AccessRow[] = [
  { route: 'GET /v1/regions/:code/revocations', request: at('revocations'), ...ofItsRegion('200') },
  { route: 'GET /v1/regions/:code/changes', request: at('changes'), ...ofItsRegion('200') },
  { route: 'GET /v1/regions/:code/snapshot', request: at('snapshot'), ...ofItsRegion('200') },
  { route: 'GET /v1/regions/:code/digests', request: at('digests'), ...ofItsRegion('200') },
  { route: 'GET /v1/regions/:code/erasures', request: at('erasures'), ...ofItsRegion('200') },
  { route: 'PUT /v1/regions/:code/erasures/:id', request: at('erasures/:id'), ...ofItsRegion('204') },
]

export const REGION_LANES_THINGS: readonly ThingMaker[] = [
  {
    // Of somebody who is in neither organization any more.
    kind: 'erasure_order',
    make: async ({ identity, target }) => {
      const id = identity.deps.makeId()
      await ask(
        identity,
        'INSERT INTO erasure_order (id, kind, subject_id, region) VALUES ($1::uuid, $2, $3::uuid, $4)',
        [id, 'user', identity.deps.makeId(), target.region],
      )
      return id
    },
  },
]
