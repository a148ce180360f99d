// Whether a region holds as much as it should. Counts are of different instants: they are compared only where nothing has
// changed for a while, everything is fetched, and the region has reported since.
import type { RegionSync } from '@meridian/protocol/region-report'
import type { FollowerRow, RegionRow } from '../store/region-health.ts'

/** Several reports, and longer than a count of what should be held is kept. */
const SETTLED_AFTER_SECONDS = 75

const COUNTED = ['organizations', 'users', 'memberships'] as const

/** In words; none where all is well, or it cannot be told. */
export function heldAlarmsOf(
  { health, last_change_at: changedAt }: Pick<RegionRow, 'health' | 'last_change_at'>,
  followers: readonly FollowerRow[],
  visible: RegionSync['visible'],
): readonly string[] {
  if (health === 'unreachable') return []
  return followers.flatMap(({ client_id: client, is_voice: isVoice, behind_entries: behind, ...follower }) => {
    const { report, reported_at: reportedAt } = follower
    if (!isVoice || behind > 0 || report === null || report.rebuilding || report.parked > 0) return []
    if (reportedAt === null || changedAt === null || reportedAt - changedAt < SETTLED_AFTER_SECONDS) return []
    const wrong = COUNTED.filter((name) => report.held[name] !== visible[name])
    if (wrong.length === 0) return []
    const told = wrong.map((name) => `${report.held[name]} ${name} instead of ${visible[name]}`)
    return [`${client}: it holds ${told.join(', ')}`]
  })
}
