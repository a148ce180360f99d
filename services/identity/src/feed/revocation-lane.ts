// The revocation lane of a region: what it has not been told yet, or (at first, after a restore, after a long absence)
// everything that is revoked now. A round is told in pages and ends with the snapshot of its first one, so that what is
// committed meanwhile is told by the next round. infra/decisions/0013-revocation-lane.md
import { REVOCATION_KEPT_SECONDS, type RevocationPage, revocationSchema } from '@meridian/protocol/revocations'
import type { Deps } from '../deps.ts'
import type { Follower } from '../store/feed-followers.ts'
import { markRegionSeen } from '../store/region-presence.ts'
import { noteCanaryKnown } from '../store/revocation-canary.ts'
import {
  type ClosedOrganization,
  EMPTY_SNAPSHOT,
  type Moment,
  type RevocationRow,
  readClosedInRegion,
  readRevocationLane,
} from '../store/revocation-lane.ts'
import { formatCursor, isAhead, keepable, type LaneCursor, parseCursor } from './lane-cursor.ts'
import type { Waiters } from './waiters.ts'

export const PAGE_ROWS = 1000
/** Rows are purged a while after that: whoever comes later may have missed some. */
const CURSOR_GOOD_SECONDS = REVOCATION_KEPT_SECONDS / 2

export type Question = {
  readonly after: string | undefined
  readonly waitSeconds: number
  readonly signal: AbortSignal
}

export interface RevocationLane {
  read(follower: Follower, question: Question): Promise<RevocationPage>
}

type LaneDeps = Pick<Deps, 'db' | 'metrics' | 'secrets'>
type Round = NonNullable<LaneCursor['round']>

export function createRevocationLane(deps: LaneDeps, waiters: Waiters): RevocationLane {
  return {
    read: async (follower, { after, waitSeconds, signal }) => {
      const { region, clientId } = follower
      await markRegionSeen(deps.db, follower)
      const cursor = after === undefined ? undefined : parseCursor(deps.secrets, region, after)
      const page = await readOn(deps, follower, cursor)
      if (cursor === undefined || page.full || page.revocations.length > 0 || waitSeconds === 0) return page
      await waiters.wait({ region, seen: cursor.seen }, { clientId, timeoutMs: waitSeconds * 1000, signal })
      return readOn(deps, follower, cursor)
    },
  }
}

async function readOn(deps: LaneDeps, follower: Follower, cursor: LaneCursor | undefined): Promise<RevocationPage> {
  const { region } = follower
  if (cursor === undefined) return readClosed(deps, region)
  const { seen, round } = cursor
  const after = round?.after ?? null
  if (after !== null && 'org' in after) return readClosed(deps, region, cursor, after.org)
  const question = { region, seen, until: round?.until ?? null, after, limit: PAGE_ROWS }
  const { rows, ...moment } = await readRevocationLane(deps.db, question)
  if (!isGood(cursor, moment)) return readClosed(deps, region)
  await noteCanary(deps, follower, seen)
  const begun = round ?? { until: keepable(moment.snapshot), full: false }
  const at = round === null ? moment.now : cursor.at
  const last = rows.at(-1)
  const isLast = rows.length < PAGE_ROWS || last === undefined
  return {
    full: begun.full,
    begins: round === null,
    revocations: rows.map(revocationOf),
    more: !isLast,
    cursor: formatCursor(deps.secrets, region, {
      era: cursor.era,
      at,
      seen: isLast ? begun.until : seen,
      round: isLast ? null : { ...begun, after: { xid: last.xid, seq: last.seq } },
    }),
  }
}

/** Whoever asks with a snapshot knows all that is visible in it. */
async function noteCanary({ db, metrics }: LaneDeps, follower: Follower, seen: string): Promise<void> {
  const seconds = await noteCanaryKnown(db, follower, seen)
  if (seconds !== undefined) metrics.canary.observe({ region: follower.region }, seconds)
}

/** The first part of everything: what is closed now. The rows that are kept come after it. */
async function readClosed(
  deps: LaneDeps,
  region: string,
  under: LaneCursor | null = null,
  after: string | null = null,
): Promise<RevocationPage> {
  const { kids, organizations, ...moment } = await readClosedInRegion(deps.db, region, after, PAGE_ROWS)
  if (under !== null && !isGood(under, moment)) return readClosed(deps, region)
  const last = organizations.at(-1)
  const next: Round = {
    until: under?.round?.until ?? keepable(moment.snapshot),
    full: true,
    after: last === undefined || organizations.length < PAGE_ROWS ? { xid: '0', seq: '0' } : { org: last.id },
  }
  const keys = after === null ? kids.map((kid) => ({ kind: 'key' as const, kid })) : []
  return {
    full: true,
    begins: under === null,
    revocations: [...keys, ...organizations.map(closedOf)],
    more: true,
    cursor: formatCursor(deps.secrets, region, {
      era: moment.era,
      at: under?.at ?? moment.now,
      seen: EMPTY_SNAPSHOT,
      round: next,
    }),
  }
}

function isGood({ era, at, seen, round }: LaneCursor, moment: Moment): boolean {
  if (era !== moment.era || Math.abs(moment.now - at) > CURSOR_GOOD_SECONDS) return false
  return ![seen, round?.until ?? EMPTY_SNAPSHOT].some((snapshot) => isAhead(snapshot, moment.snapshot))
}

function closedOf({ id, status, version }: ClosedOrganization) {
  return revocationSchema.parse({ kind: 'organization', org_id: id, status, version })
}

function revocationOf({ kind, subject, version, status }: RevocationRow) {
  return revocationSchema.parse(membersOf(kind, subject, version, status))
}

function membersOf(kind: string, subject: string, version: number | null, status: string | null): unknown {
  switch (kind) {
    case 'session':
      return { kind, sid: subject }
    case 'membership':
      return { kind, mid: subject, version }
    case 'organization':
      return { kind, org_id: subject, status, version }
    default:
      return { kind, kid: subject }
  }
}
