// The operator's commands for what regions hold of the centre: how it stands, what differs, and how it is mended.
import type { RegionSync } from '@meridian/protocol/region-report'
import { z } from 'zod'
import { type RegionOutcome, type Synced, syncAndWait } from '../directory/await-sync.ts'
import { recountTenants } from '../directory/recount-tenants.ts'
import { readRegionSync } from '../directory/region-health.ts'
import { type Command, command, type Given } from './command.ts'

const flag = z.boolean().default(false)
const regions = z.array(z.string()).optional()

const FAILED: ReadonlySet<RegionOutcome['outcome']> = new Set(['failed', 'cancelled', 'unreachable', 'busy', 'silent'])

const OUTCOMES = `
Each region is named with what came of it: done; failed (and why); unreachable (nothing was heard of it for a minute: nothing
was ordered); busy (it is at another order; --force cancels that one); silent (it said nothing for 90 s; its order stands, for
a day). Regions serve all the while, and one that fails does not keep the others.`

const HELD_BACK = `
What would take away more than a tenth of what a region holds and more than 100 rows, or everything, is held back: the region
fails and says how much that is, and whatever else differs is mended. Look why the centre lists so little before you say --force.`

const USERS_DETAILS = `
  --region CODE   this region alone; may be repeated
  --truncate      read everything anew instead of comparing and mending: replaces all rows and sweeps what is left over
  --force         cancels the order that a region is at, and takes away however much the centre lists no more
  --dry-run       compares, and shows what would be mended
${HELD_BACK}
${OUTCOMES}
Exit code 1: a region did not do it.`

const REPAIR_DETAILS = `
  --region CODE   this region alone; may be repeated
  --force         cancels the order that a region is at, and takes away however much the centre lists no more
${HELD_BACK}
${OUTCOMES}
Exit code 1: a region did not do it.`

const STATUS_DETAILS = `
Held is what a region says that it holds, visible what it should hold: an alarm where they differ after a minute without
changes. Drift is what it found last when it compared by itself, every quarter of an hour, and mended; its log names the rows.`

const DRIFT_DETAILS = `
  --region CODE   this region alone; may be repeated
${OUTCOMES}
Exit code 1: something differs, or a region did not do it.`

const TENANTS_DETAILS = `
  --region CODE   organizations of this region alone
  --force         counts also what was counted within the last hour
  --dry-run       says how many would be counted

Differing: organizations of which a region says that it holds another number of people. A moment after a change that is so;
where it stays, sync drift names the rows. Exit code 1: some could not be counted.`

/** Exit code 1 where what was done is as `isRefused` says. */
const judged = (isRefused: (done: Readonly<Record<string, unknown>>) => boolean) => async (given: Given) => ({
  input: given,
  finish: async (done: Readonly<Record<string, unknown>>) => ({ isRefused: isRefused(done), result: {} }),
})

const hasFailed = (done: Readonly<Record<string, unknown>>) =>
  (done as unknown as Synced).regions.some(({ outcome }) => FAILED.has(outcome))
const hasDrift = (done: Readonly<Record<string, unknown>>) =>
  (done as unknown as Synced).regions.some(({ differing }) => differing > 0)

export const SYNC_COMMANDS = {
  'sync status': command({
    summary: 'shows the regions: whether they are there, how far behind, and what should be looked at',
    usage: 'sync status',
    details: STATUS_DETAILS,
    input: z.strictObject({}),
    run: async (deps) => ({ regions: (await readRegionSync(deps)).regions.map(statusLine) }),
  }),
  'sync users': command({
    summary: 'makes what regions hold of people, organizations and memberships what it should be',
    usage: 'sync users [--region CODE…] [--truncate] [--force] [--dry-run]',
    details: USERS_DETAILS,
    input: z.strictObject({ region: regions, truncate: flag, force: flag, dryRun: flag }),
    prepare: judged(hasFailed),
    run: async (deps, { region, truncate, force, dryRun }, onProgress) => {
      const kind = dryRun ? 'compare' : truncate ? 'rebuild' : 'repair'
      return { dry_run: dryRun, ...(await syncAndWait(deps, { kind, regions: region, force }, onProgress)) }
    },
  }),
  'sync tenants': command({
    summary: 'counts the people of organizations again, and shows where a region holds another number',
    usage: 'sync tenants [--region CODE] [--force] [--dry-run]',
    details: TENANTS_DETAILS,
    input: z.strictObject({ region: z.string().optional(), force: flag, dryRun: flag }),
    prepare: judged(({ failed }) => Array.isArray(failed) && failed.length > 0),
    run: async (deps, { region, force, dryRun }, onProgress) => ({
      dry_run: dryRun,
      ...(await recountTenants(deps, { region, force, dryRun }, onProgress)),
    }),
  }),
  'sync drift': command({
    summary: 'has regions compare what they hold, and names what differs',
    usage: 'sync drift [--region CODE…]',
    details: DRIFT_DETAILS,
    input: z.strictObject({ region: regions }),
    prepare: judged((done) => hasFailed(done) || hasDrift(done)),
    run: (deps, { region }, onProgress) =>
      syncAndWait(deps, { kind: 'compare', regions: region, force: false }, onProgress),
  }),
  'sync repair': command({
    summary: 'has regions compare what they hold, and mends what differs',
    usage: 'sync repair [--region CODE…] [--force]',
    details: REPAIR_DETAILS,
    input: z.strictObject({ region: regions, force: flag }),
    prepare: judged(hasFailed),
    run: (deps, { region, force }, onProgress) =>
      syncAndWait(deps, { kind: 'repair', regions: region, force }, onProgress),
  }),
} satisfies Record<string, Command<z.ZodType>>

function statusLine({ region, health, last_seen: lastSeen, followers, alarms, visible, ...rest }: RegionSync) {
  const worst = Math.max(0, ...followers.map(({ behind_seconds: seconds }) => seconds))
  return {
    region,
    health,
    last_seen: lastSeen,
    behind_seconds: Math.round(worst),
    behind_entries: Math.max(0, ...followers.map(({ behind_entries: entries }) => entries)),
    parked: followers.reduce((sum, { report }) => sum + (report?.parked ?? 0), 0),
    rebuilding: followers.some(({ report }) => report?.rebuilding),
    revocation_seconds: rest.revocation_seconds,
    held: followers.find(({ report }) => report !== null)?.report?.held ?? null,
    visible,
    drift: followers.find(({ report }) => report?.drift !== undefined)?.report?.drift ?? null,
    alarms,
  }
}
