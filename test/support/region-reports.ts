// What a region says of itself, as itself: for tests in which no region runs.
import type { RegionReport } from '@meridian/protocol/region-report'
import type { IdentityUnderTest, Instance, Reply } from './identity.ts'
import { ask } from './races.ts'
import { regionToken } from './region-lanes.ts'

/** Of a region that is up to date. */
export function regionReport(given: Partial<RegionReport> = {}): RegionReport {
  return {
    build: 'test',
    now: new Date().toISOString(),
    epoch: '1',
    cursor: null,
    behind_seconds: 0,
    feed_stale_seconds: 0,
    revocations_stale_seconds: 0,
    kids: [],
    held: { organizations: 0, users: 0, memberships: 0 },
    parked: 0,
    rebuilding: false,
    tenants: [],
    usage: [],
    ...given,
  }
}

export async function sendReport(
  identity: Pick<Instance, 'post' | 'inject'>,
  region: 'in' | 'us',
  report: Partial<RegionReport> = {},
): Promise<Reply> {
  return identity.inject({
    method: 'PUT',
    url: `/v1/regions/${region}/report`,
    headers: { authorization: `Bearer ${await regionToken(identity, region)}` },
    payload: regionReport(report),
  })
}

/** All regions are heard of now, and for so long after: people may switch to them for a minute more. */
export async function hearOfRegions(identity: Pick<IdentityUnderTest, 'db'>, forSeconds = 0): Promise<void> {
  const set = 'UPDATE region SET last_seen = meridian_now() + make_interval(secs => $1::integer)'
  await ask(identity, set, [forSeconds])
}

/** As if a service of the region had fetched all that there is. */
export async function fetchAll(
  identity: Pick<IdentityUnderTest, 'db'>,
  region: 'in' | 'us',
  clientId = `region-${region}`,
): Promise<void> {
  await ask(
    identity,
    `INSERT INTO feed_follower (region, client_id, asked_xid, asked_seq, asked_nonce)
      SELECT $1::text, $2::text, c.xid, c.seq, c.nonce FROM change c WHERE c.region = $1::text
      ORDER BY c.xid DESC, c.seq DESC LIMIT 1
      ON CONFLICT (region, client_id) DO UPDATE SET asked_xid = excluded.asked_xid, asked_seq = excluded.asked_seq,
        asked_nonce = excluded.asked_nonce, polled_at = meridian_now()`,
    [region, clientId],
  )
}
