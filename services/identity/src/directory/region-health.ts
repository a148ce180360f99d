// How the regions are, for sys-admins: what the centre knows of each by itself, what each says of itself, and in words what
// should be looked at.
import { CLOCK_SKEW_ALARM_MS, type RegionSync, type RegionSyncList } from '@meridian/protocol/region-report'
import type { Deps } from '../deps.ts'
import {
  countVisible,
  type FollowerRow,
  listFollowers,
  listRegionsWithHealth,
  type RegionRow,
  type VisibleRow,
} from '../store/region-health.ts'
import { heldAlarmsOf } from './held-alarms.ts'
import { instantOf } from './instant.ts'

/** A revocation that takes longer to be known is worth a look. */
const CANARY_ALARM_SECONDS = 30

export async function readRegionSync(
  deps: Pick<Deps, 'db'>,
  readVisible = () => countVisible(deps.db),
): Promise<RegionSyncList> {
  const regions = await readRegions(deps, readVisible)
  return { regions: regions.map(({ region, own, visible }) => present(region, own, visible)) }
}

/** Of each region, in words: where it holds another number than it should. */
export async function listHeldAlarms(deps: Pick<Deps, 'db'>) {
  const regions = await readRegions(deps, () => countVisible(deps.db))
  return regions.map(({ region, own, visible }) => ({
    region: region.code,
    alarms: heldAlarmsOf(region, own, visible),
  }))
}

async function readRegions({ db }: Pick<Deps, 'db'>, readVisible: () => Promise<readonly VisibleRow[]>) {
  const [regions, followers, visible] = await Promise.all([listRegionsWithHealth(db), listFollowers(db), readVisible()])
  return regions.map((region) => ({
    region,
    own: followers.filter((follower) => follower.region === region.code),
    visible: countsOf(visible, region.code),
  }))
}

function countsOf(visible: readonly VisibleRow[], region: string): RegionSync['visible'] {
  const { code: _code, ...counts } = visible.find(({ code }) => code === region) ?? NOTHING_VISIBLE
  return counts
}

const NOTHING_VISIBLE = { code: '', organizations: 0, users: 0, memberships: 0 }

function present(region: RegionRow, followers: readonly FollowerRow[], visible: RegionSync['visible']): RegionSync {
  return {
    region: region.code,
    name: region.name,
    health: region.health,
    alarms: [...alarmsOf(region, followers), ...heldAlarmsOf(region, followers, visible)],
    last_seen: instantOrNull(region.heard_at),
    followers: followers.map(
      ({ region: _region, is_voice: _isVoice, polled_at: polledAt, reported_at: reportedAt, ...follower }) => ({
        ...follower,
        polled_at: instantOrNull(polledAt),
        reported_at: instantOrNull(reportedAt),
      }),
    ),
    revocation_seconds: region.revocation_seconds,
    visible,
  }
}

function instantOrNull(seconds: number | null): string | null {
  return seconds === null ? null : instantOf(seconds)
}

/** In words; none where all is well. */
export function alarmsOf(region: RegionRow, followers: readonly FollowerRow[]): readonly string[] {
  if (region.health === 'unreachable') return ['unreachable: nothing was heard of it for a minute, or ever']
  const ofFollowers = followers.flatMap(({ client_id: client, clock_skew_ms: skewMs, report }) => [
    ...(skewMs !== null && Math.abs(skewMs) > CLOCK_SKEW_ALARM_MS
      ? [`${client}: its clock is ${Math.abs(Math.round(skewMs / 1000))} s ${skewMs > 0 ? 'ahead' : 'behind'}`]
      : []),
    ...(report !== null && report.parked > 0
      ? [`${client}: ${report.parked} entries are put aside: it does not understand them`]
      : []),
    ...(report?.erased_listed !== undefined && report.erased_listed.length > 0
      ? [`${client}: it has erased who is listed again: ${report.erased_listed.join(' ')}`]
      : []),
  ])
  return [
    ...(region.health === 'lagging' ? ['lagging: it is more than a minute behind'] : []),
    ...ofFollowers,
    ...(region.keys_missing > 0
      ? [`keys: ${region.keys_missing} signing keys were published a while ago, and it does not hold them`]
      : []),
    ...((region.canary_unknown_seconds ?? 0) > CANARY_ALARM_SECONDS
      ? [`revocations: one of ${Math.round(region.canary_unknown_seconds ?? 0)} s ago is not known there yet`]
      : []),
    ...((region.drift_rows ?? 0) > 0 ? [`drift: ${region.drift_rows} rows differed when it last compared`] : []),
    ...((region.drift_found_rows ?? 0) > 0
      ? [`drift: ${region.drift_found_rows} rows differed within the last hour when it compared by itself`]
      : []),
  ]
}
