// What is done about the regions while the service runs: it says in the log what should be looked at, writes canaries,
// cancels orders that nobody finishes, and forgets old usage.
import { USAGE_KEPT_DAYS } from '@meridian/protocol/usage'
import type { Deps } from '../deps.ts'
import { type Kept, keepDoing } from '../keep-doing.ts'
import { listFollowers, listRegionsWithHealth } from '../store/region-health.ts'
import { writeCanaries } from '../store/revocation-canary.ts'
import { forgetUsage } from '../store/usage.ts'
import { alarmsOf, listHeldAlarms } from './region-health.ts'
import { cancelUnfinishedOrders } from './sync-orders.ts'

const MINUTE_MS = 60_000
/** Counting what regions should hold takes its time. */
const HELD_LOOK_EVERY_MS = 10 * MINUTE_MS
/** Between two canaries of a region. A process looks more often: it may have come just too early. */
const CANARY_EVERY_SECONDS = 10
const CANARY_LOOK_EVERY_MS = 2500

type WatchDeps = Pick<Deps, 'db' | 'makeId' | 'log'>

export async function writeDueCanaries(deps: Pick<Deps, 'db' | 'makeId'>): Promise<void> {
  await writeCanaries(deps.db, deps.makeId, CANARY_EVERY_SECONDS)
}

/** One line a region that something is wrong with. */
export async function warnOfRegions({ db, log }: Pick<Deps, 'db' | 'log'>): Promise<void> {
  const [regions, followers] = await Promise.all([listRegionsWithHealth(db), listFollowers(db)])
  for (const region of regions) {
    const own = followers.filter((follower) => follower.region === region.code)
    const alarms = alarmsOf(region, own)
    if (alarms.length > 0) log.warn({ region: region.code, health: region.health, alarms }, 'a region needs a look')
  }
}

/** The same of how much they hold. */
export async function warnOfHeld({ db, log }: Pick<Deps, 'db' | 'log'>): Promise<void> {
  for (const { region, alarms } of await listHeldAlarms({ db }))
    if (alarms.length > 0) log.warn({ region, alarms }, 'a region needs a look')
}

export function startWatchingRegions(deps: WatchDeps): Kept {
  const tried = async (work: () => Promise<unknown>, failed: string) => {
    try {
      await work()
    } catch (error) {
      deps.log.warn({ err: error }, failed)
    }
  }
  const canaries = keepDoing(
    () => tried(() => writeDueCanaries(deps), 'a revocation canary could not be written'),
    CANARY_LOOK_EVERY_MS,
  )
  const eachMinute = keepDoing(async () => {
    await tried(() => warnOfRegions(deps), 'regions could not be looked at')
    await tried(() => cancelUnfinishedOrders(deps), 'orders to regions could not be looked through')
    await tried(() => forgetUsage(deps.db, USAGE_KEPT_DAYS), 'old usage could not be forgotten')
  }, MINUTE_MS)
  const held = keepDoing(
    () => tried(() => warnOfHeld(deps), 'what regions hold could not be counted'),
    HELD_LOOK_EVERY_MS,
  )
  return {
    stop: async () => {
      await canaries.stop()
      await eachMinute.stop()
      await held.stop()
    },
  }
}
