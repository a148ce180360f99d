// What a region says of itself every few seconds, kept: how its copy stands, which keys it holds, what it counted of its
// organizations. What it says of an organization that is not there is passed over: it may have left meanwhile. So is what a
// service says of the whole region that does not speak for it: its keys and what it counted there.
import { withTransaction } from '@meridian/database/transaction'
import type { RegionReport, reportAnswerSchema } from '@meridian/protocol/region-report'
import type { z } from 'zod'
import type { Deps } from '../deps.ts'
import { markRegionSeen } from '../store/region-presence.ts'
import { saveRegionReport, saveTenantCounts } from '../store/region-reports.ts'
import { speaksForRegion } from '../store/region-voice.ts'
import { replaceRegionKeys } from '../store/signing-keys.ts'
import { saveUsage } from '../store/usage.ts'
import { instantOf } from './instant.ts'

/** A region that was away for longer than this tells of older days in vain. */
const USAGE_TOLD_DAYS = 31

export async function takeRegionReport(
  deps: Pick<Deps, 'db'>,
  by: { readonly region: string; readonly clientId: string },
  { tenants, usage, ...report }: RegionReport,
): Promise<z.infer<typeof reportAnswerSchema>> {
  const isItsVoice = await speaksForRegion(deps.db, by.region, by.clientId)
  // First, and outside: how far the clock is off must not depend on how long the rest takes.
  const saved = await saveRegionReport(deps.db, by, report)
  await withTransaction(deps.db, async (db) => {
    await markRegionSeen(db, by)
    if (isItsVoice) {
      await replaceRegionKeys(db, by.region, report.kids)
      await saveTenantCounts(db, by.region, tenants)
    }
    await saveUsage(db, by, usage, USAGE_TOLD_DAYS)
  })
  return { now: instantOf(saved.now), clock_skew_ms: saved.clock_skew_ms }
}
