import type { Statement } from '@meridian/database/database'
import type { Follower } from './feed-followers.ts'
import type { IdentityDb } from './open-store.ts'
import { voicesOf } from './region-voice.ts'

// A region asks all the time: its row is written twice a minute at most.
const MARK_SEEN: Statement = {
  name: 'mark_region_seen',
  text: `UPDATE region SET last_seen = meridian_now()
    WHERE code = $1::text AND coalesce(last_seen < meridian_now() - interval '30 seconds', true)
      AND $2::text IN ${voicesOf('$1::text')}`,
}

/** That a client was here just now, if it speaks for the region. */
export async function markRegionSeen(db: IdentityDb, { region, clientId }: Follower): Promise<void> {
  await db.sql(MARK_SEEN, [region, clientId])
}

const FIND_IN_USE: Statement = {
  name: 'find_region_in_use',
  text: `SELECT 1 AS one FROM region WHERE code = $1::text AND status = 'active'`,
}

/** Whether it is operated: the configuration names it. */
export async function isRegionInUse(db: IdentityDb, code: string): Promise<boolean> {
  return (await db.sql(FIND_IN_USE, [code])).length > 0
}
